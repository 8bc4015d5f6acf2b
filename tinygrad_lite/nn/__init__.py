"""Neurons, layers and perceptrons, after micrograd's; gradient descent; logistic regression."""

from .logistic_regression import ConvergenceWarning, LogisticRegression
from .losses import losses, mean_loss
from .network import MLP, Layer, Module, Neuron
from .training import SGD, train

__all__ = [
    "MLP",
    "SGD",
    "ConvergenceWarning",
    "Layer",
    "LogisticRegression",
    "Module",
    "Neuron",
    "losses",
    "mean_loss",
    "train",
]
