// What a customer sees, in words.
#pragma once

#include <string>

#include "proofline/v1/customer.pb.h"

namespace proofline::cli {

// "gallery summer-1, photo winter-2/p3, subject=7 in hill-school"; identifiers only.
std::string ShareText(const v1::Share& share);

}  // namespace proofline::cli
