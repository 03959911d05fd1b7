"""A catalogue -> a study: a classifier and an image size, chosen by cost and tested once.

A catalogue and settings come in; out go every number, the fitted pipeline, and a folder with
figures, tables and a page.
"""
