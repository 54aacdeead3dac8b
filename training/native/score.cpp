// Python's view of the score.
#include "score.h"

#include "arrays.h"

namespace vigil::native {
namespace {

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
        score_ = {kind == "mse" ? vigil::ScoreKind::mse : vigil::ScoreKind::mae,
                  static_cast<std::int16_t>(input_weight),
                  static_cast<std::int16_t>(output_weight),
                  static_cast<std::int8_t>(input_zero_point),
                  static_cast<std::int8_t>(output_zero_point),
                  factor};
    }

    Floats score(const py::array& input, const py::array& output) const {
        const Bytes in = exactly<std::int8_t>(input, "input", "int8");
        const Bytes out = exactly<std::int8_t>(output, "output", "int8");
        require(in.ndim() == 2 && out.ndim() == 2 && in.shape(0) == out.shape(0) &&
                    in.shape(1) == out.shape(1),
                "input and output must have one shape, [n, size]");
        require(in.shape(1) <= 65536, "a window may have at most 65536 values");
        const auto n = static_cast<std::size_t>(in.shape(0));
        const auto size = static_cast<std::size_t>(in.shape(1));
        Floats scores(static_cast<py::ssize_t>(n));
        for (std::size_t i = 0; i < n; ++i) {
            scores.mutable_data()[i] =
                score_({in.data() + i * size, size}, {out.data() + i * size, size});
        }
        return scores;
    }

  private:
    vigil::ReconstructionError score_{};
};

}  // namespace

void bind_score(py::module_& module) {
    py::class_<ReconstructionError>(module, "ReconstructionError",
                                    "Reconstruction error of int8 windows (docs/bundle.md, Score).")
        .def(py::init<const std::string&, int, int, int, int, float>(), "kind"_a, "input_weight"_a,
             "output_weight"_a, "input_zero_point"_a, "output_zero_point"_a, "factor"_a)
        .def("score", &ReconstructionError::score, "input"_a, "output"_a,
             "int8 [n, size] input and output to float32 [n].");
}

}  // namespace vigil::native
