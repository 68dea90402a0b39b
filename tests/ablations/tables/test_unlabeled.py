"""Tables of studies whose images have no labels: the headline metric in place of the accuracy, everywhere."""

import pandas as pd
import pytest
from builders.drawings import FULL, HEADS, PAIRS, TEMPERATURE, heads_frame, temperature_frame
from builders.unlabeled import unlabeled, without_labels

from ablations.stats.intervals import wilson_half_width
from ablations.studies.metrics import LABEL_FREE
from ablations.studies.plot import Plot
from ablations.tables.captions import caption
from ablations.tables.cells import choices
from ablations.tables.findings import Findings
from ablations.tables.frame import headline_of, read, study_frame, write
from ablations.tables.published import as_ours, published
from ablations.tables.render import described, markdown, summary
from simclr_core.errors import BadInput

MAP = Findings(unlabeled(FULL), without_labels(PAIRS))
BARS = Findings(unlabeled(heads_frame()), without_labels(HEADS))


def test_a_done_trial_without_an_accuracy_is_sound_on_disk_too(tmp_path):
    write(MAP.frame, tmp_path / "table.csv")
    again = read(tmp_path / "table.csv", PAIRS.axes)
    pd.testing.assert_frame_equal(again, MAP.frame)
    assert again["top1"].isna().all()
    row = (tmp_path / "table.csv").read_text().splitlines()[1]
    (tmp_path / "table.csv").write_text(
        (tmp_path / "table.csv").read_text().replace(row, row.rpartition(",")[0] + ",101")
    )
    with pytest.raises(BadInput, match=f"damaged .{LABEL_FREE} 101"):
        read(tmp_path / "table.csv", PAIRS.axes)


def test_the_headline_is_the_accuracy_unless_what_is_done_has_none():
    assert headline_of(FULL) == headline_of(FULL.assign(crop_retrieval=1.0)) == "top1"
    assert headline_of(MAP.frame) == LABEL_FREE
    assert headline_of(FULL.assign(status="missing", top1=float("nan"))) == "top1"


def test_measures_that_need_no_labels_are_the_last_columns():
    row = {"role": "cell", "a": 1, "seed": 0, "status": "done", "trial_id": "t", "top1": 5.0}
    more = {"policy_retrieval": 1.0, "alpha_h": 2.0, "parameters": 0.3, "crop_retrieval": 4.0, "transfer_top1": 6.0}
    columns = list(study_frame(["a"], [row | more]).columns)
    assert columns[-5:] == ["parameters", "transfer_top1", "alpha_h", "crop_retrieval", "policy_retrieval"]


def test_a_map_is_of_the_headline():
    assert MAP.pairs.equals(Findings(FULL, PAIRS).pairs)
    assert MAP.baselines[LABEL_FREE]["untrained"] == 20.6
    said = summary(MAP)
    assert "Retrieval of the image's other crop (%); first transformation down" in said
    assert "best pair        47.2  color > crop" in said
    assert "untrained        20.6" in said


def test_bars_are_of_the_headline():
    assert BARS.cells["metric"].unique().tolist() == [LABEL_FREE]
    assert BARS.cells["mean"].tolist() == Findings(heads_frame(), HEADS).cells["mean"].tolist()
    assert "Retrieval of the image's other crop (%)" in markdown(BARS)
    assert "linear probe" not in markdown(Findings(BARS.frame, HEADS.__class__(**{**vars(BARS.info), "paper": ""})))
    assert "Retrieval" in described(BARS)


def test_the_caption_says_what_is_measured_by_which_chance_and_what_it_cannot_tell():
    said = " ".join(caption(BARS))
    assert "No labels: measured is how often a crop's nearest other crop" in said
    assert "among 2,000 images" in said  # of 4,000, at most so many are candidates
    assert "chance 1/2,000" in said
    assert "knows no classes" in said
    assert "favors cells whose own augmentation crops" in said
    half = wilson_half_width(float(BARS.done[LABEL_FREE].median()), 2000)
    assert f"Each cell ± {half:.1f} points: 95% interval of the test set of 2,000 images" in said
    assert "No labels" not in " ".join(caption(Findings(heads_frame(), HEADS)))
    nothing = Findings(BARS.frame.assign(status="missing"), BARS.info)
    assert "Nothing is measured yet." in caption(nothing)


def test_the_papers_numbers_keep_their_own_metric():
    paper = published("table5_norm_temperature")
    theirs = as_ours(paper, without_labels(TEMPERATURE))
    assert theirs.headline == "top1"
    assert theirs.figure.metrics == ("top1", "entropy")
    assert MAP.theirs.pairs.loc["crop", "color"] == 56.3
    assert MAP.agreement == Findings(FULL, PAIRS).agreement


def test_what_is_tuned_is_chosen_by_the_headline_on_the_first_seed():
    plot = Plot(kind="bars", x="similarity", choose=("temperature",), metrics=(LABEL_FREE,))
    chosen = choices(unlabeled(temperature_frame()), plot)
    assert chosen.values.tolist() == [["cosine", 0.1], ["dot product", 10.0]]
    early = unlabeled(temperature_frame()).drop(columns=LABEL_FREE)
    assert choices(early, plot).empty
