"""The iris predictor: a contract and a port."""
