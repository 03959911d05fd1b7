"""A server of S3 for the tests of this folder."""

from stores import s3, s3_of_session  # noqa: F401
