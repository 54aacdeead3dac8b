// The plain kernel, four rows at a time, which read each input once: for cores on which lanes of a
// word are no single instruction (dense_rows.cpp), or on which vectors are faster
// (dense_rows_mve.cpp).
#pragma once

#include <cstdint>

#include "core.h"
#include "dense.h"

namespace vigil::compiled {

// Runs the layer's rows in fours, as many as there are; returns the number of rows.
std::uint32_t dense_fours(const Dense& layer, const std::int8_t* input, std::int8_t* output);

}  // namespace vigil::compiled
