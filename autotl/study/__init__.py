"""The search: one Optuna study, its ledger, its budget and its recommendation."""
