// Python's view of the scores.
#include "score.h"

#include <variant>

#include "arrays.h"
#include "join.h"
#include "level.h"
#include "mahalanobis.h"

namespace vigil::native {
namespace {

// `least`: inputs that the score reads.
template <typename Score>
Floats score_all(const Score& score, const py::array& input, const py::array& output,
                 std::size_t least) {
    const Bytes in = exactly<std::int8_t>(input, "input", "int8");
    const Bytes out = exactly<std::int8_t>(output, "output", "int8");
    require(in.ndim() == 2 && out.ndim() == 2 && in.shape(0) == out.shape(0) &&
                in.shape(1) == out.shape(1),
            "input and output must have one shape, [n, size]");
    require(in.shape(1) <= 65536, "a window may have at most 65536 values");
    const auto n = static_cast<std::size_t>(in.shape(0));
    const auto size = static_cast<std::size_t>(in.shape(1));
    require(size >= least, "the score reads inputs that are not there");
    Floats scores(static_cast<py::ssize_t>(n));
    for (std::size_t i = 0; i < n; ++i) {
        scores.mutable_data()[i] =
            score({in.data() + i * size, size}, {out.data() + i * size, size});
    }
    return scores;
}

class ReconstructionError {
  public:
    ReconstructionError(const std::string& kind, int input_weight, int output_weight,
                        int input_zero_point, int output_zero_point, float factor) {
        require(kind == "mse" || kind == "mae", "kind must be 'mse' or 'mae'");
        for (const int weight : {input_weight, output_weight}) {
            require(weight >= 1 && weight <= 16384, "weights must lie in 1..16384");
        }
        for (const int zero_point : {input_zero_point, output_zero_point}) {
            require(zero_point >= -128 && zero_point <= 127, "zero points must lie in -128..127");
        }
        const Error<vigil::ScoreKind::mse> score = {
            static_cast<std::int16_t>(input_weight), static_cast<std::int16_t>(output_weight),
            static_cast<std::int8_t>(input_zero_point), static_cast<std::int8_t>(output_zero_point),
            factor};
        if (kind == "mse") {
            score_ = score;
        } else {
            score_ = Error<vigil::ScoreKind::mae>{score.input_weight, score.output_weight,
                                                  score.input_zero_point, score.output_zero_point,
                                                  score.factor};
        }
    }

    Floats score(const py::array& input, const py::array& output) const {
        return std::visit([&](const auto& each) { return score_all(each, input, output, 1); },
                          score_);
    }

  private:
    template <vigil::ScoreKind kKind>
    using Error = vigil::ReconstructionError<kKind>;
    std::variant<Error<vigil::ScoreKind::mse>, Error<vigil::ScoreKind::mae>> score_;
};

class Mahalanobis {
  public:
    Mahalanobis(int input_zero_point, std::uint16_t first, const std::vector<std::int16_t>& weights,
                const std::vector<std::int32_t>& offset, const std::vector<float>& factor)
        : first_(first), input_zero_point_(input_zero_point) {
        const std::size_t rows = offset.size();
        require(input_zero_point >= -128 && input_zero_point <= 127,
                "zero points must lie in -128..127");
        require(rows > 0 && factor.size() == rows && weights.size() == rows * (rows + 1) / 2,
                "offset, factor and a triangle of weights must have as many rows");
        const std::int16_t* row = weights.data();
        for (std::size_t k = 0; k < rows; row += ++k) {
            std::int64_t largest = std::abs(std::int64_t{offset[k]});
            for (std::size_t j = 0; j <= k; ++j) largest += 255 * std::abs(std::int64_t{row[j]});
            require(largest < (std::int64_t{1} << 31), "a sum of the score exceeds 32 bits");
            rows_.push_back({offset[k], factor[k]});
            padded_.insert(padded_.end(), row, row + k + 1);
            if (k % 2 == 0) padded_.push_back(0);
        }
    }

    Floats score(const py::array& input, const py::array& output) const {
        std::vector<std::int16_t> steps(rows_.size() + 1);
        const auto score = [&](Span<const std::int8_t> in, Span<const std::int8_t> /*out*/) {
            for (std::size_t j = 0; j < rows_.size(); ++j) {
                steps[j] = static_cast<std::int16_t>(in[first_ + j] - input_zero_point_);
            }
            return vigil::mahalanobis({padded_.data(), padded_.size()},
                                      {rows_.data(), rows_.size()}, steps.data());
        };
        return score_all(score, input, output, first_ + rows_.size());
    }

  private:
    std::vector<std::int16_t> padded_;
    std::vector<vigil::WhiteningRow> rows_;
    std::uint16_t first_;
    int input_zero_point_;
};

class Level {
  public:
    Level(int input_zero_point, std::uint16_t first, std::uint16_t stride, std::uint16_t channels,
          float factor)
        : score_{first, stride, channels, static_cast<std::int8_t>(input_zero_point), factor} {
        require(input_zero_point >= -128 && input_zero_point <= 127,
                "zero points must lie in -128..127");
        require(stride >= 1 && channels >= 1, "stride and channels must be 1 or more");
    }

    Floats score(const py::array& input, const py::array& output) const {
        const std::size_t last = std::size_t{score_.channels} - 1;
        return score_all(score_, input, output, score_.first + last * score_.stride + 1);
    }

  private:
    vigil::Level score_;
};

class Join {
  public:
    Join(std::vector<py::object> heads, std::vector<float> weights)
        : heads_(std::move(heads)), weights_(std::move(weights)) {
        require(!heads_.empty() && heads_.size() == weights_.size(),
                "heads must have a weight each");
    }

    Floats score(const py::array& input, const py::array& output) const {
        Floats scores(input.ndim() > 0 ? input.shape(0) : 0);
        std::fill(scores.mutable_data(), scores.mutable_data() + scores.size(), 0.0F);
        for (std::size_t h = 0; h < heads_.size(); ++h) {
            const auto head = heads_[h].attr("score")(input, output).cast<Floats>();
            for (py::ssize_t i = 0; i < scores.size(); ++i) {
                float& total = scores.mutable_data()[i];
                total = vigil::join(total, weights_[h], head.data()[i]);
            }
        }
        return scores;
    }

  private:
    std::vector<py::object> heads_;
    std::vector<float> weights_;
};

}  // namespace

void bind_score(py::module_& module) {
    py::class_<ReconstructionError>(module, "ReconstructionError",
                                    "Reconstruction error of int8 windows (docs/bundle.md, Score).")
        .def(py::init<const std::string&, int, int, int, int, float>(), "kind"_a, "input_weight"_a,
             "output_weight"_a, "input_zero_point"_a, "output_zero_point"_a, "factor"_a)
        .def("score", &ReconstructionError::score, "input"_a, "output"_a,
             "int8 [n, size] input and output to float32 [n].");
    py::class_<Mahalanobis>(module, "Mahalanobis",
                            "Squared distance of the features (docs/bundle.md, Score).")
        .def(py::init<int, std::uint16_t, const std::vector<std::int16_t>&,
                      const std::vector<std::int32_t>&, const std::vector<float>&>(),
             "input_zero_point"_a, "first"_a, "weights"_a, "offset"_a, "factor"_a)
        .def("score", &Mahalanobis::score, "input"_a, "output"_a,
             "int8 [n, size] input and output to float32 [n].");
    py::class_<Level>(module, "Level", "Largest squared mean of a channel (docs/bundle.md, Score).")
        .def(py::init<int, std::uint16_t, std::uint16_t, std::uint16_t, float>(),
             "input_zero_point"_a, "first"_a, "stride"_a, "channels"_a, "factor"_a)
        .def("score", &Level::score, "input"_a, "output"_a,
             "int8 [n, size] input and output to float32 [n].");
    py::class_<Join>(module, "Join",
                     "Weighted sum of the fourth roots of scores (docs/bundle.md, Score).")
        .def(py::init<std::vector<py::object>, std::vector<float>>(), "heads"_a, "weights"_a)
        .def("score", &Join::score, "input"_a, "output"_a,
             "int8 [n, size] input and output to float32 [n].");
}

}  // namespace vigil::native
