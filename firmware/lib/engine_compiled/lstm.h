// A standard LSTM over a sequence: int8 input and hidden state, int16 gates and cell state.
#pragma once

#include <cstdint>

#include "requantize.h"

namespace vigil::compiled {

struct LstmGate {
    const std::int8_t* weights;          // [units][features]
    const std::int8_t* recurrent;        // [units][units]
    const std::int32_t* bias;            // [units], the input's zero point folded in
    const std::int32_t* recurrent_bias;  // [units], the hidden state's zero point folded in
    Multiplier by, recurrent_by;         // to a scale of 1/4096
};

struct Lstm {
    LstmGate gates[4];             // input, forget, candidate, output
    Multiplier keep, fresh;        // forget * cell and input * candidate, to the cell's scale
    Multiplier hidden;             // output * tanh(cell), to the hidden state's
    const std::uint16_t* sigmoid;  // [256]
    std::uint16_t steps, features, units;
    std::uint16_t clip;      // of the cell state; 32768 for none
    std::int8_t cell_power;  // the cell's scale is 2^cell_power
    std::int8_t zero_point;  // of the hidden state
};

// input int8 [steps][features], output int8 [steps][units]; the state is zero at the first
// step. `cell` is scratch memory [units]. Nothing overlaps.
void lstm(const Lstm& layer, const std::int8_t* input, std::int16_t* cell, std::int8_t* output);

// The converter counts these bytes of a 32-bit board (tools/convert/operators/lstm.py).
static_assert(sizeof(void*) != 4 || sizeof(Lstm) == 168);

}  // namespace vigil::compiled
