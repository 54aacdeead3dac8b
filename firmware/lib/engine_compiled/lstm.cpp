#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")  // hot loops, even in an image built with -Os
#endif

#include "lstm.h"

#include "simd.h"

namespace vigil::compiled {
namespace {

inline std::int32_t saturate(std::int32_t value) {
    return value < -32768 ? -32768 : value > 32767 ? 32767 : value;
}

inline std::uint32_t magnitude(std::int32_t value) {
    return static_cast<std::uint32_t>(value < 0 ? -value : value);
}

// Interpolates between two entries, `fraction` / 2^bits from the first; the result is << bits.
inline std::int32_t between(const std::uint16_t* table, std::uint32_t fraction,
                            std::uint32_t bits) {
    const std::uint32_t step = std::uint32_t{table[1]} - table[0];
    return static_cast<std::int32_t>((std::uint32_t{table[0]} << bits) + fraction * step);
}

// sigmoid(value / 4096), in 1/32768. A table entry stands for 2^9 / 3 of the value's units.
inline std::int32_t sigmoid(const std::uint16_t* table, std::int32_t value) {
    const std::uint32_t x = magnitude(3 * value);
    const std::int32_t y = x >> 9 >= 255 ? 0x7FFF << 10 : between(table + (x >> 9), x & 0x1FF, 9);
    return (value >= 0 ? y + (1 << 9) : (1 << 25) - y + (1 << 9) - 1) >> 10;
}

// tanh(x) = 2 sigmoid(2 x) - 1 with x = value * 2^power, in 1/32768.
inline std::int32_t tanh(const std::uint16_t* table, std::int32_t value, std::int32_t power) {
    const std::int32_t left = power + 12;
    value *= 3;
    value = left < 0 ? (value + (1 << (-left - 1))) >> -left : value * (1 << left);
    const std::uint32_t x = magnitude(value);
    const std::int32_t y = x >> 8 >= 255 ? 0xFFFF << 8 : between(table + (x >> 8), x & 0xFF, 8);
    return (value >= 0 ? y - (1 << 23) + (1 << 7) : -y + (1 << 23) + (1 << 7) - 1) >> 8;
}

std::int32_t product(const std::int8_t* weights, const std::int8_t* values, std::uint32_t count,
                     std::int32_t bias) {
    return static_cast<std::int32_t>(dot(weights, values, count, static_cast<std::uint32_t>(bias)));
}

// The argument of a gate's activation, in 1/4096. A null `hidden` is a state of zero.
std::int32_t gate_sum(const Lstm& layer, const LstmGate& gate, std::uint32_t unit,
                      const std::int8_t* input, const std::int8_t* hidden) {
    const std::uint32_t features = layer.features;
    const std::uint32_t units = layer.units;
    const std::int32_t driven = saturate(requantize(
        product(gate.weights + unit * features, input, features, gate.bias[unit]), gate.by));
    if (hidden == nullptr) {
        return driven;
    }
    const std::int32_t fed_back =
        product(gate.recurrent + unit * units, hidden, units, gate.recurrent_bias[unit]);
    return saturate(driven + saturate(requantize(fed_back, gate.recurrent_by)));
}

}  // namespace

void lstm(const Lstm& layer, const std::int8_t* input, std::int16_t* cell, std::int8_t* output) {
    constexpr std::int32_t kGatePower = -12;
    const std::int8_t* hidden = nullptr;
    for (std::uint32_t step = 0; step < layer.steps; ++step) {
        for (std::uint32_t unit = 0; unit < layer.units; ++unit) {
            std::int32_t gates[4];
            for (std::uint32_t i = 0; i < 4; ++i) {
                const std::int32_t sum = gate_sum(layer, layer.gates[i], unit, input, hidden);
                gates[i] =
                    i == 2 ? tanh(layer.sigmoid, sum, kGatePower) : sigmoid(layer.sigmoid, sum);
            }
            std::int32_t state = saturate(requantize(gates[0] * gates[2], layer.fresh));
            if (hidden != nullptr) {
                state = saturate(state + saturate(requantize(gates[1] * cell[unit], layer.keep)));
            }
            state = state > layer.clip ? layer.clip : state;
            state = state < -layer.clip ? -layer.clip : state;
            cell[unit] = static_cast<std::int16_t>(state);
            const std::int32_t out = gates[3] * tanh(layer.sigmoid, state, layer.cell_power);
            output[unit] = output_of(out, layer.hidden, layer.zero_point, -128, 127);
        }
        input += layer.features;
        hidden = output;
        output += layer.units;
    }
}

}  // namespace vigil::compiled
