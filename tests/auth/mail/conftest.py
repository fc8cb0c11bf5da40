"""Tests of mail: those in kit/ run inside a generated project, see test_mail.py."""

collect_ignore = ["kit"]
