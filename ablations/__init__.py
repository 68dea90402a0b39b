"""The study harness: YAML grids to recipes, trials, tables and figures. Knows nothing of gradients."""
