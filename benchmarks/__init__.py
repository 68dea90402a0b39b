"""Side by side with other libraries: needs the extra [benchmarks]."""
