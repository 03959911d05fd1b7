"""Predictions -> numbers with their uncertainty: intervals, comparisons.

Labels and probabilities come in; no images, no figures.
"""
