from pathlib import Path

from ablations.console.commands import again, command


def test_a_command_has_the_options_that_say_something_and_is_safe_in_a_shell():
    assert command("run", "heads") == "python -m ablations.run heads"
    assert command("run", "my study.yaml", scale="smoke", seeds=3, out=Path("my results")) == (
        "python -m ablations.run 'my study.yaml' --scale smoke --seeds 3 --out 'my results'"
    )


def test_a_run_again_has_its_data_and_settings_another_number_of_seeds_and_the_whole_study():
    command = "python -m ablations.run heads --data 'folder:my images' --set a.b=1 --seeds 3 --only head=none --quiet"
    assert again(command, Path(), 9) == (
        "python -m ablations.run heads --data 'folder:my images' --set a.b=1 --seeds 9"
    )
    assert again(f"{command} --out=/elsewhere", Path("my results")) == (
        "python -m ablations.run heads --data 'folder:my images' --set a.b=1 --seeds 3 --out 'my results'"
    )
    assert again("python -m ablations.run own.yaml --scale own-scale.yaml", Path()) == (
        "python -m ablations.run own.yaml --scale own-scale.yaml"
    )
