"""Writes the fixtures of this folder: python make.py FOLDER, with torch and safetensors. Everything is computed in float64."""
import math
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)
folder = sys.argv[1]


def randomize(module):
    """Weights that single precision holds, none of them at its initial value."""
    for parameter in module.parameters():
        shape = parameter.shape
        scale = 1 / math.sqrt(shape[-1]) if parameter.dim() > 1 else 0.3
        shift = 1.0 if parameter.dim() == 1 and bool((parameter == 1).all()) else 0.0
        parameter.data = (torch.randn(shape) * scale + shift).float().double()
    return module.eval()


def normal(*shape):
    return torch.randn(*shape).float().double()


def save(name, inputs, outputs):
    tensors = {key: value.float() for key, value in inputs.items() if value.dtype.is_floating_point}
    tensors |= {key: value for key, value in inputs.items() if not value.dtype.is_floating_point}
    tensors |= {key: value.detach() for key, value in outputs.items()}
    save_file({key: value.contiguous() for key, value in tensors.items()}, f"{folder}/{name}.safetensors")


def in_projection(name, block, parts="qkv"):
    width = block.embed_dim
    tensors = {}
    for index, part in enumerate("qkv"):
        weight = (
            block.in_proj_weight[index * width : (index + 1) * width]
            if block.in_proj_weight is not None
            else getattr(block, f"{part}_proj_weight")
        )
        tensors[f"{name}{part}.weight"] = weight.detach()
        tensors[f"{name}{part}.bias"] = block.in_proj_bias[index * width : (index + 1) * width].detach()
    tensors[f"{name}o.weight"] = block.out_proj.weight.detach()
    tensors[f"{name}o.bias"] = block.out_proj.bias.detach()
    return tensors


def multi_head_attention():
    x = normal(2, 7, 24)
    block = randomize(nn.MultiheadAttention(24, 4, batch_first=True))
    hidden = torch.rand(7, 7) < 0.3
    hidden.fill_diagonal_(False)
    bias = normal(7, 7)
    padding = torch.zeros(2, 7, dtype=torch.bool)
    padding[1, 5:] = True
    outputs = {}
    for name, mask, keys in [("plain", None, None), ("hidden", hidden, None), ("bias", bias, None),
                             ("padded", None, padding)]:
        for average in (False, True):
            y, weights = block(x, x, x, attn_mask=mask, key_padding_mask=keys, average_attn_weights=average)
            outputs[f"{name}.{'mean' if average else 'weights'}"] = weights
        outputs[f"{name}.output"] = y
    save("self_attention", in_projection("", block) | {"x": x, "hidden": hidden, "bias": bias}, outputs)
    for name, key_width, value_width in [("cross_attention", 18, 18), ("cross_attention_widths", 18, 10)]:
        block = randomize(nn.MultiheadAttention(24, 4, kdim=key_width, vdim=value_width, batch_first=True))
        key = normal(2, 9, key_width)
        value = key if key_width == value_width else normal(2, 9, value_width)
        y, weights = block(x, key, value, average_attn_weights=False)
        save(name, in_projection("", block) | {"x": x, "key": key, "value": value}, {"output": y, "weights": weights})


def encoder_decoder(name, norm_first, activation):
    """nn.TransformerEncoder and nn.TransformerDecoder, under the names of EncoderDecoderConfiguration."""
    d, heads, inner, layers = 32, 4, 56, 2
    options = dict(d_model=d, nhead=heads, dim_feedforward=inner, dropout=0.0, activation=activation, batch_first=True,
                   norm_first=norm_first)
    norm = lambda: nn.LayerNorm(d) if norm_first else None
    encoder = randomize(nn.TransformerEncoder(nn.TransformerEncoderLayer(**options), layers, norm(),
                                              enable_nested_tensor=False))
    decoder = randomize(nn.TransformerDecoder(nn.TransformerDecoderLayer(**options), layers, norm()))
    head = randomize(nn.Linear(d, 13))
    tables = {part: (normal(13, d) * 0.2, normal(20, d)) for part in ("encoder", "decoder")}
    source, target = torch.randint(0, 13, (1, 11)), torch.randint(0, 13, (1, 8))

    def embed(part, tokens):
        words, positions = tables[part]
        return words.float().double()[tokens] * math.sqrt(d) + positions[: tokens.shape[1]]

    memory = encoder(embed("encoder", source))
    causal = nn.Transformer.generate_square_subsequent_mask(target.shape[1], dtype=torch.float64)
    logits = head(decoder(embed("decoder", target), memory, tgt_mask=causal))
    tensors = {"decoder.fc_out.weight": head.weight, "decoder.fc_out.bias": head.bias}
    for part, stack in (("encoder", encoder), ("decoder", decoder)):
        tensors[f"{part}.tok_embedding.weight"], tensors[f"{part}.pos_embedding.weight"] = tables[part]
        if norm_first:
            tensors[f"{part}.layer_norm.weight"] = stack.norm.weight
            tensors[f"{part}.layer_norm.bias"] = stack.norm.bias
        for index, layer in enumerate(stack.layers):
            prefix = f"{part}.layers.{index}."
            tensors |= in_projection(prefix + "self_attention.fc_", layer.self_attn)
            norms = {"self_attn_layer_norm": layer.norm1, "ff_layer_norm": layer.norm2}
            if part == "decoder":
                tensors |= in_projection(prefix + "encoder_attention.fc_", layer.multihead_attn)
                norms = {"self_attn_layer_norm": layer.norm1, "enc_attn_layer_norm": layer.norm2,
                         "ff_layer_norm": layer.norm3}
            for key, module in norms.items() | {("positionwise_feedforward.fc_1", layer.linear1),
                                                ("positionwise_feedforward.fc_2", layer.linear2)}:
                tensors[prefix + key + ".weight"], tensors[prefix + key + ".bias"] = module.weight, module.bias
    tensors = {key: value.detach() for key, value in tensors.items()}
    save(name, tensors | {"source": source[0], "target": target[0]},
         {"expected.encoded": memory[0], "expected.logits": logits[0]})


def llama():
    """RMSNorm, rotated halves, grouped heads and SwiGLU of torch's own functions, under Hugging Face's names."""
    d, heads, kv, size, inner, vocabulary = 40, 5, 1, 8, 64, 17
    tokens = torch.randint(0, vocabulary, (12,))
    weights = {"model.embed_tokens.weight": normal(vocabulary, d), "model.norm.weight": 1 + 0.3 * normal(d),
               "lm_head.weight": normal(vocabulary, d) / math.sqrt(d)}
    shapes = {"self_attn.q_proj": (heads * size, d), "self_attn.k_proj": (kv * size, d),
              "self_attn.v_proj": (kv * size, d), "self_attn.o_proj": (d, heads * size), "mlp.gate_proj": (inner, d),
              "mlp.up_proj": (inner, d), "mlp.down_proj": (d, inner), "input_layernorm": (d,),
              "post_attention_layernorm": (d,)}
    for layer in range(2):
        for name, shape in shapes.items():
            value = 1 + 0.3 * normal(d) if len(shape) == 1 else normal(*shape) / math.sqrt(shape[1])
            weights[f"model.layers.{layer}.{name}.weight"] = value
    weights = {key: value.float().double() for key, value in weights.items()}
    angles = torch.arange(len(tokens))[:, None] / 10000 ** (torch.arange(0, size, 2) / size)[None]
    turn = torch.polar(torch.ones_like(angles), angles)

    def rotated(x):
        pairs = torch.complex(x[..., : size // 2].contiguous(), x[..., size // 2 :].contiguous()) * turn
        return torch.cat([pairs.real, pairs.imag], -1)

    x = F.embedding(tokens, weights["model.embed_tokens.weight"])
    for layer in range(2):
        w = lambda name: weights[f"model.layers.{layer}.{name}.weight"]
        h = F.rms_norm(x, (d,), w("input_layernorm"), 1e-5)
        q, k, v = (F.linear(h, w(f"self_attn.{part}_proj")).view(len(tokens), -1, size).transpose(0, 1)
                   for part in "qkv")
        y = F.scaled_dot_product_attention(rotated(q)[None], rotated(k)[None], v[None], is_causal=True, enable_gqa=True)
        x = x + F.linear(y[0].transpose(0, 1).reshape(len(tokens), -1), w("self_attn.o_proj"))
        h = F.rms_norm(x, (d,), w("post_attention_layernorm"), 1e-5)
        x = x + F.linear(F.silu(F.linear(h, w("mlp.gate_proj"))) * F.linear(h, w("mlp.up_proj")), w("mlp.down_proj"))
    logits = F.linear(F.rms_norm(x, (d,), weights["model.norm.weight"], 1e-5), weights["lm_head.weight"])
    save("llama", weights | {"tokens": tokens}, {"expected.logits": logits})


multi_head_attention()
encoder_decoder("post_norm", False, "relu")
encoder_decoder("pre_norm", True, "gelu")
llama()
