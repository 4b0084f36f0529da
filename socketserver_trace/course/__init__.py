"""The course: its exercises and questions, judged by traces, and what a learner has solved."""

from __future__ import annotations

from socketserver_trace.course.asking import predict
from socketserver_trace.course.checking import Report, check
from socketserver_trace.course.guess import Answer, Guess
from socketserver_trace.course.keeping import Progress, progress
from socketserver_trace.course.prediction import Outcome, Prediction

__all__ = [
    "Answer",
    "Guess",
    "Outcome",
    "Prediction",
    "Progress",
    "Report",
    "check",
    "predict",
    "progress",
]
