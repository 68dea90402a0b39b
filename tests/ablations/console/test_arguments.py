"""What all commands share: exit codes, one sentence for a mistake, the options."""

from pathlib import Path

import pytest

from ablations.console.arguments import Exit, Parser, exit_code, writable
from simclr_core.errors import BadInput


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
