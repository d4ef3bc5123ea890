#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace sojourn::server {

// Small items in an order, each found by how many come before it: a B+ tree (Bayer and McCreight,
// 1972) whose inner nodes know how many items each child holds (S. Tatham, "Counted B-trees",
// 2005). Everything but going through a range takes a number of steps that grows with the
// logarithm.
//
// Items are copied around: pointers, mostly. `Less` orders them; no two are equal. Inner nodes keep
// the first item of each child, and never one that is gone.
// Threading: one thread at a time.
template <class Item, class Less>
class CountedTree {
 public:
  CountedTree() = default;
  ~CountedTree() {
    while (!drain(kLeafItems)) {
    }
  }
  CountedTree(const CountedTree&) = delete;
  CountedTree& operator=(const CountedTree&) = delete;

  std::size_t size() const { return root_ == nullptr ? 0 : total(*root_); }
  std::size_t bytes() const { return leaves_ * sizeof(Leaf) + inners_ * sizeof(Inner); }

  // Must not be there yet.
  void insert(Item item) {
    if (root_ == nullptr) root_ = make<Leaf>();
    Node* const second = insert(*root_, item);
    if (second == nullptr) return;
    auto* const root = make<Inner>();
    root->add(0, root_);
    root->add(1, second);
    root_ = root;
  }
  // False when it was not there.
  bool erase(Item item) {
    if (root_ == nullptr || !erase(*root_, item)) return false;
    while (!root_->is_leaf && root_->size == 1) {
      Node* const child = inner(*root_).children[0];
      free(root_);
      root_ = child;
    }
    if (root_->size == 0) free(std::exchange(root_, nullptr));
    return true;
  }

  // How many items come before a place: those for which `before` holds, which must hold for all
  // up to the place and for none from there on.
  template <class Before>
  std::size_t count_before(Before&& before) const {
    std::size_t count = 0;
    const Node* node = root_;
    while (node != nullptr && !node->is_leaf) {
      const Inner& parent = inner(*node);
      const std::size_t child = child_of(parent, before);
      for (std::size_t i = 0; i < child; ++i) count += parent.counts[i];
      node = parent.children[child];
    }
    if (node == nullptr) return 0;
    const Leaf& last = leaf(*node);
    const Item* const end = last.items.data() + last.size;
    return count + static_cast<std::size_t>(std::partition_point(last.items.data(), end, before) -
                                            last.items.data());
  }

  // Visits the items number `first` to `last` - 1, from the last to the first if `reverse`.
  template <class Visit>
  void visit(std::size_t first, std::size_t last, bool reverse, Visit&& visit) const {
    last = std::min(last, size());
    if (first < last) visit_in(*root_, first, last, reverse, visit);
  }

  // Forgets up to `nodes` nodes with all that is in them; true when none is left. For giving a big
  // tree back in small steps: nothing else may be done with it in between.
  bool drain(std::size_t nodes) {
    if (root_ != nullptr && drain(root_, nodes)) root_ = nullptr;
    return root_ == nullptr;
  }

 private:
  static constexpr std::size_t kLeafItems = 64;
  static constexpr std::size_t kChildren = 32;

  struct Node {
    bool is_leaf;
    std::uint32_t size = 0;  // items or children
  };
  struct Leaf : Node {
    Leaf() : Node{true} {}
    std::array<Item, kLeafItems> items;
  };
  struct Inner : Node {
    Inner() : Node{false} {}
    void add(std::size_t at, Node* child) {
      std::move_backward(&children[at], &children[this->size], &children[this->size] + 1);
      std::move_backward(&counts[at], &counts[this->size], &counts[this->size] + 1);
      std::move_backward(&firsts[at], &firsts[this->size], &firsts[this->size] + 1);
      ++this->size;
      children[at] = child;
      refresh(at);
    }
    void remove(std::size_t at) {
      std::move(&children[at] + 1, children.data() + this->size, &children[at]);
      std::move(&counts[at] + 1, counts.data() + this->size, &counts[at]);
      std::move(&firsts[at] + 1, firsts.data() + this->size, &firsts[at]);
      --this->size;
    }
    // After the child changed.
    void refresh(std::size_t at) {
      counts[at] = total(*children[at]);
      if (counts[at] > 0) firsts[at] = first_of(*children[at]);
    }
    std::array<Node*, kChildren> children;
    std::array<std::size_t, kChildren> counts;
    std::array<Item, kChildren> firsts;
  };

  static Leaf& leaf(Node& node) { return static_cast<Leaf&>(node); }
  static const Leaf& leaf(const Node& node) { return static_cast<const Leaf&>(node); }
  static Inner& inner(Node& node) { return static_cast<Inner&>(node); }
  static const Inner& inner(const Node& node) { return static_cast<const Inner&>(node); }
  static const Item& first_of(const Node& node) {
    return node.is_leaf ? leaf(node).items[0] : inner(node).firsts[0];
  }
  static std::size_t total(const Node& node) {
    if (node.is_leaf) return node.size;
    const Inner& parent = inner(node);
    std::size_t items = 0;
    for (std::size_t i = 0; i < parent.size; ++i) items += parent.counts[i];
    return items;
  }

  template <class Made>
  Made* make() {
    ++(std::is_same_v<Made, Leaf> ? leaves_ : inners_);
    return new Made();
  }
  void free(Node* node) {
    --(node->is_leaf ? leaves_ : inners_);
    node->is_leaf ? delete &leaf(*node) : delete &inner(*node);
  }

  // The child in which the place is that `before` leads to.
  template <class Before>
  static std::size_t child_of(const Inner& parent, Before&& before) {
    const Item* const firsts = parent.firsts.data();
    const auto after = std::partition_point(firsts + 1, firsts + parent.size, before) - firsts;
    return static_cast<std::size_t>(after - 1);
  }
  static std::size_t child_for(const Inner& parent, const Item& item) {
    return child_of(parent, [&](const Item& first) { return !Less()(item, first); });
  }

  // Returns the second half if the node had to be split.
  Node* insert(Node& node, const Item& item) {
    if (node.is_leaf) return insert_in_leaf(leaf(node), item);
    Inner& parent = inner(node);
    const std::size_t at = child_for(parent, item);
    Node* const second = insert(*parent.children[at], item);
    parent.refresh(at);
    if (second == nullptr) return nullptr;
    if (parent.size < kChildren) {
      parent.add(at + 1, second);
      return nullptr;
    }
    auto* const half = make<Inner>();
    while (parent.size > kChildren / 2) {
      half->add(0, parent.children[parent.size - 1]);
      --parent.size;
    }
    at < kChildren / 2 ? parent.add(at + 1, second) : half->add(at + 1 - kChildren / 2, second);
    return half;
  }
  Node* insert_in_leaf(Leaf& node, const Item& item) {
    Leaf* half = nullptr;
    Leaf* target = &node;
    if (node.size == kLeafItems) {
      half = make<Leaf>();
      std::copy(node.items.begin() + kLeafItems / 2, node.items.end(), half->items.begin());
      half->size = node.size = kLeafItems / 2;
      if (Less()(half->items[0], item)) target = half;
    }
    Item* const end = target->items.data() + target->size;
    Item* const at = std::partition_point(target->items.data(), end,
                                          [&](const Item& other) { return Less()(other, item); });
    std::move_backward(at, end, end + 1);
    *at = item;
    ++target->size;
    return half;
  }

  bool erase(Node& node, const Item& item) {
    if (node.is_leaf) return erase_from_leaf(leaf(node), item);
    Inner& parent = inner(node);
    const std::size_t at = child_for(parent, item);
    Node* const child = parent.children[at];
    if (!erase(*child, item)) return false;
    if (child->size == 0) {
      free(child);
      parent.remove(at);
      return true;
    }
    parent.refresh(at);
    if (at + 1 < parent.size) join(parent, at);
    if (at > 0) join(parent, at - 1);
    return true;
  }
  static bool erase_from_leaf(Leaf& node, const Item& item) {
    Item* const end = node.items.data() + node.size;
    Item* const at = std::partition_point(node.items.data(), end,
                                          [&](const Item& other) { return Less()(other, item); });
    if (at == end || Less()(item, *at)) return false;
    std::move(at + 1, end, at);
    --node.size;
    return true;
  }
  // Two neighbours become one if one has room for both: nodes stay half full on average.
  void join(Inner& parent, std::size_t at) {
    Node& first = *parent.children[at];
    Node& second = *parent.children[at + 1];
    if (first.size + second.size > (first.is_leaf ? kLeafItems : kChildren)) return;
    if (first.is_leaf) {
      std::copy_n(leaf(second).items.begin(), second.size, leaf(first).items.begin() + first.size);
      first.size += second.size;
    } else {
      for (std::size_t i = 0; i < second.size; ++i) {
        inner(first).add(first.size, inner(second).children[i]);
      }
    }
    free(&second);
    parent.remove(at + 1);
    parent.refresh(at);
  }

  template <class Visit>
  static void visit_in(const Node& node, std::size_t first, std::size_t last, bool reverse,
                       Visit& visit) {
    if (node.is_leaf) {
      for (std::size_t i = first; i < last; ++i) {
        visit(leaf(node).items[reverse ? first + last - 1 - i : i]);
      }
      return;
    }
    const Inner& parent = inner(node);
    std::size_t begin = reverse ? total(node) : 0;  // of the child, among this node's items
    for (std::size_t i = 0; i < parent.size; ++i) {
      const std::size_t child = reverse ? parent.size - 1 - i : i;
      if (reverse) begin -= parent.counts[child];
      const std::size_t end = begin + parent.counts[child];
      if (std::max(first, begin) < std::min(last, end)) {
        visit_in(*parent.children[child], std::max(first, begin) - begin,
                 std::min(last, end) - begin, reverse, visit);
      }
      if (!reverse) begin = end;
    }
  }

  bool drain(Node* node, std::size_t& nodes) {
    if (!node->is_leaf) {
      while (node->size > 0 && nodes > 0) {
        if (drain(inner(*node).children[node->size - 1], nodes)) --node->size;
      }
    }
    if (nodes == 0) return false;
    --nodes;
    free(node);
    return true;
  }

  Node* root_ = nullptr;
  std::size_t leaves_ = 0;
  std::size_t inners_ = 0;
};

}  // namespace sojourn::server
