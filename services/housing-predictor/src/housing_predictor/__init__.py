"""The housing predictor: a contract and a port."""
