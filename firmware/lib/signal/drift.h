// Drift: whether the signal's normal is still the normal of the calibration.
//
// Among windows like those of the calibration, a tenth has a p-value of 0.1 or less. The share over
// many windows, hours of them, says when that no longer holds: then the threshold promises nothing,
// and the board must be calibrated again.
#pragma once

#include <cstdint>

namespace vigil {

constexpr float kLowPValue = 0.1F;

struct DriftSettings {
    std::uint32_t block;  // windows per block, 1 or more
    std::uint32_t limit;  // low p-values that kBlocks blocks may hold
};

class Drift {
  public:
    static constexpr std::uint32_t kBlocks = 16;

    explicit Drift(const DriftSettings& settings) : settings_(settings) {}

    // Forgets everything, such as after a new calibration.
    void reset() { *this = Drift(settings_); }

    // Takes the p-value of the next judged window.
    void push(float p);

    // Whether the last kBlocks whole blocks hold more low p-values than the limit.
    bool drifted() const { return drifted_; }
    // Low p-values in the whole blocks, of which there are kBlocks when the drift is measured.
    std::uint32_t low() const { return sum_; }
    bool is_measured() const { return blocks_ == kBlocks; }
    const DriftSettings& settings() const { return settings_; }

  private:
    DriftSettings settings_;
    std::uint32_t counts_[kBlocks] = {};  // low p-values per block
    std::uint32_t windows_ = 0;           // in the block that is being filled
    std::uint32_t count_ = 0;             // low p-values in it
    std::uint32_t sum_ = 0;
    std::uint8_t next_ = 0;    // where its count will go
    std::uint8_t blocks_ = 0;  // whole blocks, at most kBlocks
    bool drifted_ = false;
};

}  // namespace vigil
