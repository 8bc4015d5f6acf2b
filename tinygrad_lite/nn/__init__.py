"""Neurons, layers and perceptrons, after micrograd's; losses, gradient descent; logistic regression."""

from .logistic_regression import ConvergenceWarning, LogisticRegression
from .losses import cross_entropy, logsumexp, losses, mean_loss, softmax
from .network import MLP, Layer, Module, Neuron
from .optimizers import SGD, Adam, Optimizer
from .training import train

__all__ = [
    "MLP",
    "SGD",
    "Adam",
    "ConvergenceWarning",
    "Layer",
    "LogisticRegression",
    "Module",
    "Neuron",
    "Optimizer",
    "cross_entropy",
    "logsumexp",
    "losses",
    "mean_loss",
    "softmax",
    "train",
]
