"""What all services share: documents and commits, publishing, consuming, time, commands, history.

It knows no domain word. README.md beside this file lists the rules and the test that holds each.
"""
