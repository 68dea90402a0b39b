"""A SimCLR trainer (Chen et al., 2020, arXiv 2002.05709). Knows torch; never imports ray, pandas or plotting."""
