// A decision with its table, which wearers judge by too.
#pragma once

#include <utility>

#include "arrays.h"
#include "decision.h"

namespace vigil::native {

inline AlarmSettings alarm_settings(const std::string& kind, int windows, float raise,
                                    float clear) {
    require(kind == "none" || kind == "mean" || kind == "count",
            "kind must be 'none', 'mean' or 'count'");
    require(windows >= 0 && windows < 256, "windows must lie in 0..255");
    const AlarmKind which = kind == "mean"    ? AlarmKind::mean
                            : kind == "count" ? AlarmKind::count
                                              : AlarmKind::none;
    return {which, static_cast<std::uint8_t>(windows), raise, clear};
}

inline std::vector<CalibrationPoint> table_points(
    const std::vector<std::pair<float, std::uint32_t>>& pairs, std::uint32_t scores) {
    require(scores < (1U << 24), "scores must be below 2^24");
    std::vector<CalibrationPoint> points;
    for (const auto& [score, above] : pairs) {
        require(points.empty() || points.back().score < score, "the points must ascend");
        require(above < scores, "above must be less than scores");
        points.push_back({score, above});
    }
    return points;
}

class WindowDecision {
  public:
    WindowDecision(const std::vector<std::pair<float, std::uint32_t>>& points, std::uint32_t scores,
                   const std::string& kind, int windows, float raise, float clear,
                   std::uint32_t block, std::uint32_t limit, float threshold)
        : points_(table_points(points, scores)),
          decision_({{{points_.data(), points_.size()}, scores},
                     alarm_settings("none", 0, 0, 0),
                     {block, limit},
                     threshold}) {
        require(block >= 1, "block must be 1 or more");
        require(configure(kind, windows, raise, clear), "not a possible alarm");
    }
    WindowDecision(const WindowDecision&) = delete;

    bool configure(const std::string& kind, int windows, float raise, float clear) {
        return decision_.alarm().configure(alarm_settings(kind, windows, raise, clear));
    }

    py::tuple push(const py::array& scores, float threshold) {
        const Floats values = exactly<float>(scores, "scores", "float32");
        require(values.ndim() == 1, "scores must have the shape [n]");
        Floats p(values.size());
        py::array_t<bool> alarm(values.size());
        py::array_t<bool> drifted(values.size());
        for (py::ssize_t i = 0; i < values.size(); ++i) {
            decision_.push(values.data()[i], threshold);
            p.mutable_data()[i] = decision_.p();
            alarm.mutable_data()[i] = decision_.alarm().on();
            drifted.mutable_data()[i] = decision_.drift().drifted();
        }
        return py::make_tuple(p, alarm, drifted);
    }

    void push(float score, float threshold) { decision_.push(score, threshold); }
    bool alarm_on() const { return decision_.alarm_on(); }
    py::tuple last() const {
        return py::make_tuple(decision_.p(), decision_.alarm_on(), decision_.drift().drifted());
    }

    void gap() { decision_.gap(); }
    void calibrated(float threshold, const py::array& largest, std::uint32_t scores) {
        const Floats values = exactly<float>(largest, "largest", "float32");
        require(values.ndim() == 1, "largest must have the shape [n]");
        largest_.assign(values.data(), values.data() + values.size());
        decision_.calibrated(threshold, {largest_.data(), largest_.size()}, scores);
    }
    void restart() { decision_.restart(); }
    std::uint32_t low() const { return decision_.drift().low(); }
    bool measured() const { return decision_.drift().is_measured(); }

  private:
    std::vector<CalibrationPoint> points_;
    std::vector<float> largest_;
    vigil::Decision<DecisionSettings> decision_;
};

}  // namespace vigil::native
