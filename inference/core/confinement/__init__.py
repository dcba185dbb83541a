"""Shutting a process in, so that code in a broken decoder reaches nothing: Linux's own means.
It knows neither media nor jobs. Where the system lacks a part, the others are used without it.
"""
