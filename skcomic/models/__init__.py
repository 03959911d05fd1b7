"""A fitted model -> one file, and back; what it is, and its predictions.

Fitted models and model files come in; out go files without a pickle, loaded models, cards and
predictions. Nothing that is in a file is run.
"""
