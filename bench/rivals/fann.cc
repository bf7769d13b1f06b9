// FANN: incremental training at batch 1, batch training on subsets otherwise. It has no ReLU, no Adam and no cross-entropy:
// hidden units are piecewise linear, steps are plain gradient descent on squared errors.
#include <floatfann.h>

#include <memory>
#include <vector>

#include "protocol.h"

namespace {

struct Job {
  fann* net = nullptr;
  std::vector<fann_train_data*> batches;
  std::vector<float> x;

  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job() {
    for (fann_train_data* const batch : batches) fann_destroy_train(batch);
    if (net != nullptr) fann_destroy(net);
  }
};

fann_activationfunc_enum activation_of(const std::string& name) {
  if (name == "tanh") return FANN_SIGMOID_SYMMETRIC;
  if (name == "logistic") return FANN_SIGMOID;
  return name == "relu" ? FANN_LINEAR_PIECE_SYMMETRIC : FANN_LINEAR;
}

// `layers=8:tanh,1:logistic`
fann* network_of(const Request& request) {
  std::vector<unsigned> sizes{static_cast<unsigned>(request.number("inputs"))};
  std::vector<std::string> activations;
  std::istringstream layers(request.text("layers"));
  for (std::string layer; std::getline(layers, layer, ',');) {
    sizes.push_back(static_cast<unsigned>(std::stoi(layer)));
    activations.push_back(layer.substr(layer.find(':') + 1));
  }
  fann* const net = fann_create_standard_array(static_cast<unsigned>(sizes.size()), sizes.data());
  for (std::size_t i = 0; i < activations.size(); ++i) {
    fann_set_activation_function_layer(net, activation_of(activations[i]), static_cast<int>(i) + 1);
  }
  fann_set_learning_rate(net, 1e-4f);
  return net;
}

Opened open(const Request& request) {
  const auto job = std::make_shared<Job>();
  if (request.kind != "train") return {{}, 0, "only training"};
  if (request.number("threads") > 1) return {{}, 0, "one thread only"};
  job->net = network_of(request);
  const auto inputs = fann_get_num_input(job->net), outputs = fann_get_num_output(job->net);
  const auto rows = static_cast<unsigned>(request.number("rows")), batch = static_cast<unsigned>(request.number("batch"));
  const unsigned used = std::min(rows, std::max(2048u, batch)) / batch * batch;
  for (unsigned first = 0; first < used; first += batch) {
    fann_train_data* const data = fann_create_train(batch, inputs, outputs);
    for (unsigned r = 0; r < batch; ++r) {
      for (unsigned i = 0; i < inputs; ++i) data->input[r][i] = sample((first + r) * inputs + i);
      for (unsigned i = 0; i < outputs; ++i) data->output[r][i] = sample((first + r) * outputs + i) > 0;
    }
    job->batches.push_back(data);
  }
  fann_set_training_algorithm(job->net, batch == 1 ? FANN_TRAIN_INCREMENTAL : FANN_TRAIN_BATCH);
  const auto epoch = [job, batch] {
    for (fann_train_data* const data : job->batches) {
      if (batch == 1) fann_train(job->net, data->input[0], data->output[0]);
      else fann_train_epoch(job->net, data);
    }
  };
  return {epoch, static_cast<double>(used)};
}

}  // namespace

int main() { return serve("2.2.0", open); }
