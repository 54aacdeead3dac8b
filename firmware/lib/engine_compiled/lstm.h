// A standard LSTM over a sequence: int8 input and hidden state, int16 gates and cell state.
#pragma once

#include <cstdint>

#include "requantize.h"

namespace vigil::compiled {

// Gates in the order input, forget, candidate, output.
struct LstmGate {
    const std::int8_t* weights;          // [units][features]
    const std::int8_t* recurrent;        // [units][units]
    const std::int32_t* bias;            // [units], the input's zero point folded in
    const std::int32_t* recurrent_bias;  // [units], the hidden state's zero point
    Multiplier by, recurrent_by;         // to 1/4096
};

struct Lstm {
    LstmGate gates[4];
    Multiplier keep, fresh;        // forget * cell and input * candidate, to the cell's scale
    Multiplier hidden;             // output * tanh(cell), to the hidden state's
    const std::uint16_t* sigmoid;  // [256]
    std::uint16_t steps, features, units;
    std::uint16_t clip;      // of the cell state; 32768 for none
    std::int8_t cell_power;  // the cell's scale is 2^cell_power
    std::int8_t zero_point;  // of the hidden state
};

// input int8 [steps][features], output int8 [steps][units]; the state begins at 0. `cell` is room
// for [units]. Nothing overlaps.
void lstm(const Lstm& layer, const std::int8_t* input, std::int16_t* cell, std::int8_t* output);

}  // namespace vigil::compiled
