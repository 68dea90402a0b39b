"""Frames and descriptions of studies whose images have no labels."""

from dataclasses import replace

from ablations.studies.metrics import LABEL_FREE
from ablations.tables.frame import study_frame

WITHOUT = ("top1", "balanced_accuracy", "probe_validation_top1")


def unlabeled(frame, value=LABEL_FREE):
    """The same trials with the label-free metric in place of the accuracy."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    for row in rows:
        row[value] = row["top1"]
        row |= dict.fromkeys(WITHOUT)
    axes = list(frame.columns[1 : frame.columns.get_loc("seed")])
    return study_frame(axes, rows)


def without_labels(info):
    """The study as it is described where its images have no labels."""
    return replace(info, figure=info.figure.without_labels([*info.axes]), headline=LABEL_FREE)
