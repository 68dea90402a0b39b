"""What all commands share: exit codes, one sentence for a mistake, the options."""

import importlib
import io
import subprocess
import sys
from pathlib import Path

import pytest

from ablations.console.arguments import Exit, Parser, exit_code, writable
from simclr_core.errors import BadInput

COMMANDS = {  # with what they cannot do without
    **{"run": ["heads"], "compare": ["heads", "--axis", "head", "--values", "none", "linear"], "report": []},
    **{"results": ["ls"], "explain": ["views"], "paper": []},
}


def raising(error):
    def body():
        raise error

    return body


def test_a_commands_own_code_is_passed_on(capsys):
    assert exit_code(lambda: Exit.SOME_FAILED) == 1
    assert capsys.readouterr().err == ""


def test_bad_input_is_its_sentence_and_2(capsys):
    assert exit_code(raising(BadInput("What, where, what is allowed."))) == 2
    assert capsys.readouterr().err == "What, where, what is allowed.\n"


def test_ctrl_c_is_the_commands_sentence_and_130(capsys):
    assert exit_code(raising(KeyboardInterrupt()), "Interrupted; all is kept.") == 130
    assert capsys.readouterr().err == "Interrupted; all is kept.\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_whatever_there_is_in_the_streams_own_encoding(monkeypatch, name, encoding):
    """Of what it has no character for, such as half a character of a file's name, an escape is written."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, encoding=encoding, errors="strict"))
    argv = [*COMMANDS[name], "--caf\u00e9\u2013\udce9"]
    assert importlib.import_module(f"ablations.{name}").main(argv) == Exit.BAD_INPUT
    shown = argv[-1].encode(encoding, "backslashreplace").decode(encoding)
    assert f" {shown}; see --help.\n" in written.getvalue().decode(encoding)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_closed_stream_is_no_mistake(monkeypatch, name):
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, None)
    assert importlib.import_module(f"ablations.{name}").main(["--nonsense"]) == Exit.BAD_INPUT


def test_no_command_loads_matplotlib_before_it_has_seen_to_its_settings():
    probe = f"import sys, {', '.join(f'ablations.{name}' for name in COMMANDS)}; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True).stdout == "False\n"


def test_what_is_wrong_in_the_program_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        exit_code(raising(ZeroDivisionError()))


def test_a_file_that_cannot_be_written_is_named_with_the_way_out(tmp_path):
    with (
        pytest.raises(BadInput, match=r"/there: cannot be written: .+; choose another folder with --out\.$"),
        writable(),
    ):
        (tmp_path / "not" / "there").write_text("x")


def test_shared_options_have_the_same_defaults_everywhere():
    parser = Parser(prog="x")
    for add in (parser.scale, parser.data, parser.set, parser.only):
        add("help")
    parser.out()
    found = parser.parse_args(["--set", "a=1", "--set", "b=2"])
    assert (found.scale, found.data, found.set, found.only, found.out) == ("laptop", None, ["a=1", "b=2"], [], Path())
    with pytest.raises(BadInput, match="see --help"):
        parser.parse_args(["--nothing"])
