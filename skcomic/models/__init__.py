"""A fitted model -> one file and back, its card and its predictions.

Fitted models and model files come in; files without a pickle, loaded models, cards and predictions
go out. No code in a file is run.
"""
