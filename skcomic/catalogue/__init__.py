"""A folder of images -> a catalogue: one row per image, with its path, class and pair.

The input is a folder; the output is catalogues, splits of them that keep pairs and duplicates
together, and lists of problems with the images. Catalogues hold paths, not pixels.
"""
