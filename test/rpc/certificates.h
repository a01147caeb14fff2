// Certificates made on the spot.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace proofline::rpc {

// An authority and what it signed, as PEM files in a folder.
class Certificates {
 public:
  // Makes FOLDER/ca.pem.
  explicit Certificates(std::filesystem::path folder);
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  std::string ca_file() const { return folder_ / "ca.pem"; }
  // Makes FOLDER/NAME.pem and FOLDER/NAME.key, valid for 127.0.0.1 and localhost.
  void Sign(const std::string& name);
  std::string cert_file(const std::string& name) const { return folder_ / (name + ".pem"); }
  std::string key_file(const std::string& name) const { return folder_ / (name + ".key"); }

 private:
  struct Authority;
  const std::filesystem::path folder_;
  std::unique_ptr<Authority> authority_;
};

}  // namespace proofline::rpc
