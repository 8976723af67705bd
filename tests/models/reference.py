"""Layers and architectures in plain NumPy, from the params of the modules."""

import numpy as np

PAD_MODES = {"zero": "constant", "periodic": "wrap", "reflected": "reflect"}


def pads(padding, shape, k, s):
    """The rows in front and behind on each axis; SAME makes ceil(n / s) windows."""
    if padding == "VALID":
        return [(0, 0), (0, 0)]
    if padding != "SAME":
        return [(padding, padding)] * 2
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n in shape[1:3]]
    return [(total // 2, total - total // 2) for total in totals]


def windows(x, k, s):
    """The k x k windows, s apart, on the last two axes."""
    return np.lib.stride_tricks.sliding_window_view(x, (k, k), (1, 2))[:, ::s, ::s]


def convolve(x, w, s=1, padding="SAME", boundary="zero"):
    """y_i = sum_j w_j x_{s i + j - l}."""
    k = w.shape[0]
    x = np.pad(x, [(0, 0), *pads(padding, x.shape, k, s), (0, 0)], mode=PAD_MODES[boundary])
    return np.einsum("nijcab,abco->nijo", windows(x, k, s), w)


def pool(x, k, s, reduce):
    """The maximum or mean of every window; what is outside is nan and does not count."""
    x = np.pad(x, [(0, 0), *pads("SAME", x.shape, k, s), (0, 0)], constant_values=np.nan)
    return reduce(windows(x, k, s), axis=(-2, -1))


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def conv(x, p, s=1, padding="SAME"):
    return convolve(x, np.asarray(p["kernel"]), s, padding) + np.asarray(p.get("bias", 0.0))


def dense(x, p):
    return x @ np.asarray(p["kernel"]) + np.asarray(p["bias"])


def norm(x, p, state):
    """Batch normalisation in evaluation."""
    centred = (x - np.asarray(state["mean"])) / np.sqrt(np.asarray(state["variance"]) + 1e-5)
    return centred * np.asarray(p["scale"]) + np.asarray(p["shift"])


def conv_norm(x, p, state, s=1):
    return norm(conv(x, p["Conv_0"], s), p["BatchNorm_0"], state["BatchNorm_0"])


def lenet(x, p, _):
    x = np.pad(x, [(0, 0), (12, 12), (12, 12), (0, 0)])  # from 8 x 8 to 32 x 32
    for i in range(2):
        x = pool(relu(conv(x, p[f"Conv_{i}"], padding="VALID")), 2, 2, np.nanmax)
    x = x.reshape(len(x), -1)
    return dense(relu(dense(relu(dense(x, p["Dense_0"])), p["Dense_1"])), p["Dense_2"])


def alexnet(x, p, _):
    for i, pooled in enumerate((True, True, False, False, True)):
        x = relu(conv(x, p[f"Conv_{i}"]))
        x = pool(x, 3, 2, np.nanmax) if pooled else x
    x = x.reshape(len(x), -1)
    return dense(relu(dense(relu(dense(x, p["Dense_0"])), p["Dense_1"])), p["Dense_2"])


def vgg(x, p, state):
    for name in ("ConvNorm_0", "ConvNorm_1"):
        x = pool(relu(conv_norm(x, p[name], state[name])), 2, 2, np.nanmax)
    return dense(x.mean((1, 2)), p["Dense_0"])


def googlenet(x, p, state):
    def part(x, p, state, i):
        return relu(conv_norm(x, p[f"ConvNorm_{i}"], state[f"ConvNorm_{i}"]))

    x = part(x, p, state, 0)
    inner = p["Inception_0"], state["Inception_0"]
    branches = [
        part(x, *inner, 0),
        part(part(x, *inner, 1), *inner, 2),
        part(part(x, *inner, 3), *inner, 4),
        part(pool(x, 3, 1, np.nanmax), *inner, 5),
    ]
    return dense(np.concatenate(branches, -1).mean((1, 2)), p["Dense_0"])


def resnet(x, p, state):
    x = relu(conv_norm(x, p["ConvNorm_0"], state["ConvNorm_0"]))
    for i, s in enumerate((1, 2)):
        q, t = p[f"BasicBlock_{i}"], state[f"BasicBlock_{i}"]
        y = relu(conv_norm(x, q["ConvNorm_0"], t["ConvNorm_0"], s))
        y = conv_norm(y, q["ConvNorm_1"], t["ConvNorm_1"])
        x = conv_norm(x, q["ConvNorm_2"], t["ConvNorm_2"], s) if i else x
        x = relu(x + y)
    return dense(x.mean((1, 2)), p["Dense_0"])


def bottlenecks(x, p, state):
    x = relu(conv_norm(x, p["ConvNorm_0"], state["ConvNorm_0"]))
    for i, s in enumerate((1, 2)):
        q, t = p[f"Bottleneck_{i}"], state[f"Bottleneck_{i}"]
        y = relu(conv_norm(x, q["ConvNorm_0"], t["ConvNorm_0"]))
        y = relu(conv_norm(y, q["ConvNorm_1"], t["ConvNorm_1"], s))
        y = conv_norm(y, q["ConvNorm_2"], t["ConvNorm_2"])
        x = relu(conv_norm(x, q["ConvNorm_3"], t["ConvNorm_3"], s) + y)
    return dense(x.mean((1, 2)), p["Dense_0"])


def preact_resnet(x, p, state):
    x = conv(x, p["Conv_0"])
    for i, s in enumerate((1, 2)):
        q, t = p[f"PreActBlock_{i}"], state[f"PreActBlock_{i}"]
        a = relu(norm(x, q["BatchNorm_0"], t["BatchNorm_0"]))
        y = relu(norm(conv(a, q["Conv_0"], s), q["BatchNorm_1"], t["BatchNorm_1"]))
        x = (conv(a, q["Conv_2"], s) if i else x) + conv(y, q["Conv_1"])
    x = relu(norm(x, p["BatchNorm_0"], state["BatchNorm_0"]))
    return dense(x.mean((1, 2)), p["Dense_0"])


def resnet_with_one_A(x, p, state):
    x = relu(conv_norm(x, p["ConvNorm_0"], state["ConvNorm_0"]))
    for i, (stage, s) in enumerate([(1, 1), (2, 2), (2, 1)]):
        q, t = p[f"BasicBlock_{i}"], state[f"BasicBlock_{i}"]
        y = relu(conv_norm(x, q["ConvNorm_0"], t["ConvNorm_0"], s))
        y = conv(y, p[f"A_{stage}"])
        y = norm(y, q["ConvNorm_1"]["BatchNorm_0"], t["ConvNorm_1"]["BatchNorm_0"])
        x = conv_norm(x, q["ConvNorm_2"], t["ConvNorm_2"], s) if s > 1 else x
        x = relu(x + y)
    return dense(x.mean((1, 2)), p["Dense_0"])


def preact_resnet_with_one_A_and_one_B(x, p, state):
    def activate(x, p, state, i):
        return relu(norm(x, p[f"BatchNorm_{i}"], state[f"BatchNorm_{i}"]))

    x = conv(x, p["Conv_0"])
    for i, stage in enumerate((1, 2, 2)):
        x = conv(activate(x, p, state, 0), p["Conv_1"], 2) if i == 1 else x
        inner = p[f"PreActBlock_{i}"], state[f"PreActBlock_{i}"]
        y = conv(activate(x, *inner, 0), p[f"B_{stage}"])
        x = x + conv(activate(y, *inner, 1), p[f"A_{stage}"])
    return dense(activate(x, p, state, 1).mean((1, 2)), p["Dense_0"])


def densenet(x, p, state):
    def part(x, i):
        q, t = p[f"NormConv_{i}"], state[f"NormConv_{i}"]
        return conv(relu(norm(x, q["BatchNorm_0"], t["BatchNorm_0"])), q["Conv_0"])

    x = conv(x, p["Conv_0"])
    x = np.concatenate((x, part(part(x, 0), 1)), -1)
    x = pool(part(x, 2), 2, 2, np.nanmean)
    x = np.concatenate((x, part(part(x, 3), 4)), -1)
    x = relu(norm(x, p["BatchNorm_0"], state["BatchNorm_0"]))
    return dense(x.mean((1, 2)), p["Dense_0"])


def mgnet_layer(x, p, state, s=1):
    return relu(norm(convolve(x, np.asarray(p["conv"]["kernel"]), s, 1), p["norm"], state["norm"]))


def mgnet_smooth(u, f, p, state, letter, l, steps):
    """Steps u <- u + B (f - A u), with what the standard form writes."""
    p, state, A = p[f"{letter}_{l}"], state[f"{letter}_{l}"], np.asarray(p[f"A_{l}"])
    for i in range(1, steps + 1):
        eta = np.asarray(p.get(f"eta_{i}", p.get("eta"))["kernel"])
        r = relu(norm(f - convolve(u, A), p[f"before_{i}"], state[f"before_{i}"]))
        u = u + relu(norm(convolve(r, eta), p[f"after_{i}"], state[f"after_{i}"]))
    return u


def mgnet(x, p, state):
    A = np.asarray(p["A_1"]), np.asarray(p["A_2"])
    f = mgnet_layer(x, p["stem"], state["stem"])
    u = mgnet_smooth(np.zeros((*f.shape[:3], 2)), f, p, state, "B", 1, 2)
    r = mgnet_layer(f - convolve(u, A[0]), p["R_2"], state["R_2"], 2)
    u = mgnet_layer(u, p["Pi_2"], state["Pi_2"], 2)
    u = mgnet_smooth(u, r + convolve(u, A[1]), p, state, "B", 2, 1)
    return dense(u.mean((1, 2)), p["Dense_0"])


def mgnet_v(x, p, state):
    f = mgnet_layer(x, p["stem"], state["stem"])
    u = mgnet_smooth(np.zeros((*f.shape[:3], 2)), f, p, state, "B", 1, 1)
    r = mgnet_layer(f - convolve(u, np.asarray(p["A_1"])), p["R_2"], state["R_2"], 2)
    e = mgnet_smooth(np.zeros((*r.shape[:3], 2)), r, p, state, "B", 2, 1)
    spread = np.zeros((*f.shape[:3], 2))
    spread[:, ::2, ::2] = e
    u = u + convolve(spread, np.asarray(p["P_1"]["kernel"]))
    u = mgnet_smooth(u, f, p, state, "C", 1, 1)
    return dense(u.mean((1, 2)), p["Dense_0"])


def mlp(x, p, _):
    x = x.reshape(len(x), -1)
    *hidden, output = (p[f"Dense_{i}"] for i in range(len(p)))
    for layer in hidden:
        x = relu(dense(x, layer))
    return dense(x, output)


def elman(x, p, _):
    h = np.zeros((len(x), p["recurrent"].shape[0]))
    for t in range(x.shape[1]):
        row = x[:, t].reshape(len(x), -1)
        h = np.tanh(dense(row, p["Dense_0"]) + h @ np.asarray(p["recurrent"]))
    return dense(h, p["Dense_1"])


def lstm(x, p, _):
    n = p["recurrent"].shape[0]
    h = c = np.zeros((len(x), n))
    for t in range(x.shape[1]):
        row = x[:, t].reshape(len(x), -1)
        a = dense(row, p["Dense_0"]) + h @ np.asarray(p["recurrent"])
        i, f, g, o = a[:, :n], a[:, n : 2 * n], a[:, 2 * n : 3 * n], a[:, 3 * n :]
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return dense(h, p["Dense_1"])


VALUES = {
    "linear": mlp,
    "mlp": mlp,
    "mlp with dropout": mlp,
    "lenet5": lenet,
    "alexnet": alexnet,
    "vgg": vgg,
    "googlenet": googlenet,
    "resnet": resnet,
    "resnet with bottlenecks": bottlenecks,
    "preact_resnet": preact_resnet,
    "densenet": densenet,
    "mgnet": mgnet,
    "mgnet v": mgnet_v,
    "elman_rnn": elman,
    "lstm": lstm,
}
"""The logits of the small models in evaluation, ``f(x, params, batch_stats)``."""
