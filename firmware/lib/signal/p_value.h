// P-value: how unusual a score is among the scores of normal windows.
//
// p = (1 + number of calibration scores >= score) / (1 + number of calibration scores), the split
// conformal p-value (Vovk et al. 2005). A new normal window that is exchangeable with them has
// p <= a with probability at most a, for every a.
//
// A board keeps only some of the calibration scores. Of the others that lie beside a new score, all
// count as larger: the p-value may be too large, never too small, so the bound holds.
#pragma once

#include <cstdint>

#include "span.h"

namespace vigil {

struct CalibrationPoint {
    float score;          // one of the calibration scores
    std::uint32_t above;  // how many calibration scores are greater
};

struct CalibrationTable {
    Span<const CalibrationPoint> points;  // scores ascend, no two are equal; may be empty
    std::uint32_t scores;                 // number of calibration scores, below 2^24
};

// In (0, 1]; a score that is not above any point has 1.
float p_value(const CalibrationTable& table, float score);

// The same from the largest of `scores` calibration scores, descending: exact for a score above the
// smallest of them, and 1 for any other.
float p_value(Span<const float> largest, std::uint32_t scores, float score);

}  // namespace vigil
