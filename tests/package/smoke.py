"""The main job in a fresh environment, where only the wheel and what it depends on is installed."""

from importlib.metadata import version

from tinygrad_lite import Value, draw, explain, gradcheck, nn, play, sigmoid

a, b, c = Value(3), Value(4), Value(5)
u = 2 * a
v = u + b
J = v * c
J.backward()
assert (J.data, a.grad, b.grad, c.grad, u.grad, v.grad) == (50, 10, 5, 10, 5, 5)
assert str(explain(J)).endswith("∂J/∂a = 10, ∂J/∂b = 5, ∂J/∂c = 10")
assert "∂J/∂a = 10" in draw(J).svg
assert "Reveal" in play(J).html
assert gradcheck(J).ok
assert gradcheck(lambda w, b: sigmoid(2 * w + b), 0.5, -0.25).ok
assert nn.LogisticRegression().fit([[-1.0], [0.5], [-0.5], [1.0]], [0, 0, 1, 1]).predict([[2.0]]) == [1]
print(f"tinygrad_lite {version('tinygrad_lite')}: worked out, drawn and certified")
