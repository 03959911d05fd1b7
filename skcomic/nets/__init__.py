"""Rows and labels -> a trained network with the manners of a scikit-learn classifier.

Rows come in; out go fitted classifiers and what their training cost. Nothing else in skcomic
imports TensorFlow, Keras or scikeras.
"""
