// cesasim image encrypt|decrypt.
#pragma once

#include <string>

namespace cesasim::study {

struct ImageArguments {
  std::string table;  ///< as dmsetup takes it
  std::string in, out;
  std::string path = "modern";
  std::string driver = "cryptosoft";
  std::string policy;  ///< "": the usual one of the path
  std::string soc = "kirkwood-88f6281";
  std::string placement = "native";
  bool quiet = false;
};

/// Checks the arguments as a scenario, runs the image and prints one line. Errors: ConfigError, and
/// those of run_image(); Interrupted on SIGINT or SIGTERM.
void image_command(bool encrypt, const ImageArguments& arguments);

}  // namespace cesasim::study
