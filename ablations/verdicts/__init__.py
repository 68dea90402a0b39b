"""The paper's claims as inequalities over cells, judged with intervals: holds, does not hold, or undecided."""
