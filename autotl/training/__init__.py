"""Training one strategy. Knows nothing of studies."""
