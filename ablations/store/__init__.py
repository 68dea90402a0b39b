"""results/ on disk: trials, who trains what, what can be deleted."""
