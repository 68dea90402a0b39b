import subprocess
import sys


def test_what_is_said_while_others_are_silenced_is_said_afterwards_once():
    program = (
        "import os\n"
        "from ablations.console import terminal\n"
        "with terminal.own_streams(False) as (out, err):\n"
        "    print('ray says', flush=True); os.system('echo torch says >&2')\n"
        "    terminal.complain('No font.'); terminal.complain('No font.')\n"
        "    err.write('1/2\\n')\n"
        "terminal.complain('The end.')\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("", "1/2\nNo font.\nThe end.\n")
