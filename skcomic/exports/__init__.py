"""Saved models -> files for other programs, once both have answered alike.

From the ground up: `source` -> `onnx_file`, `tflite_file`, `c_source` and `c_program`, `html_page`
-> `formats` -> `opening`, `parity` -> `exporting` -> `profiling`.
"""
