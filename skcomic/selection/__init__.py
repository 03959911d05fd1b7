"""Candidates -> the cheapest among the best.

Pipelines and lists of parameters come in; out go scores, costs and the choice, in the shape of
scikit-learn's searches.
"""
