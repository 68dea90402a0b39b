"""Studies and scales: from YAML to a list of trials. Pure."""
