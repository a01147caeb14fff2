// Shares of orders that the host has heard of and this catalog has not: it is younger than they
// are.
#pragma once

#include <string>
#include <string_view>

#include "daemon/record.pb.h"
#include "proofline/v1/order.pb.h"

namespace proofline::studio {

// A device's share of an order at a lab as the host tells it; nullptr if it has heard nothing of
// it. Belongs to the order.
const v1::OrderShare* ToldShare(const v1::Order& order, const std::string& device,
                                std::string_view lab);

// There is nothing more to do for it.
bool HasEnded(const v1::OrderShare& told);

// Takes a share, with its order, lab and lines set, up where the host says it is. Whatever the host
// has heard is not told again, and what the lab has is not brought to it again: the lab is asked.
void GoOnFrom(const v1::OrderShare& told, record::Share& share);

// Pages of the share may have come out of a printer.
bool HasBegunPrinting(const record::Share& share);

}  // namespace proofline::studio
