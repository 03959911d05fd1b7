"""Saved models written for other programs, and the proof that they answer alike.

From the ground up: `source` -> `onnx_file`, `tflite_file`, `c_source`, `html_page` -> `parity` ->
`exporting`.
"""
