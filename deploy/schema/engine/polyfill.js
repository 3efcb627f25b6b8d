/* What Duktape 2.7 lacks of the language's library, as far as schemas ask for it. Plain ES5, goes in
 * front of the code of a schema file. */
;(function (global) {
  'use strict'

  function define(object, name, value) {
    if (name in object) return
    Object.defineProperty(object, name, {
      value: value,
      writable: true,
      configurable: true,
      enumerable: false,
    })
  }
  function lacking(name, value) {
    if (typeof global[name] === 'undefined') define(global, name, value)
  }
  define(global, 'globalThis', global)

  // ---- iterators ----

  var iterator = Symbol.iterator
  function iterate(next) {
    var made = { next: next }
    made[iterator] = function () {
      return made
    }
    return made
  }
  function listIterator(list, pick) {
    var i = 0
    return iterate(function () {
      if (i >= list.length) return { value: undefined, done: true }
      return { value: pick(i++), done: false }
    })
  }
  function indexed(prototype) {
    define(prototype, 'values', function () {
      var list = this
      return listIterator(list, function (i) {
        return list[i]
      })
    })
    define(prototype, 'keys', function () {
      return listIterator(this, function (i) {
        return i
      })
    })
    define(prototype, 'entries', function () {
      var list = this
      return listIterator(list, function (i) {
        return [i, list[i]]
      })
    })
    define(prototype, iterator, prototype.values)
  }
  function drain(source) {
    var list = []
    var from = source[iterator] ? source[iterator]() : null
    var next
    var i
    if (from) {
      while (!(next = from.next()).done) list.push(next.value)
    } else {
      for (i = 0; i < source.length >>> 0; i++) list.push(source[i])
    }
    return list
  }
  indexed(Array.prototype)
  define(String.prototype, iterator, function () {
    var text = String(this)
    var i = 0
    return iterate(function () {
      var code
      var value
      if (i >= text.length) return { value: undefined, done: true }
      code = text.charCodeAt(i)
      value = text.charAt(i++)
      if (code >= 0xd800 && code < 0xdc00 && i < text.length) {
        code = text.charCodeAt(i)
        if (code >= 0xdc00 && code < 0xe000) value += text.charAt(i++)
      }
      return { value: value, done: false }
    })
  })

  // ---- collections ----

  var mark = Symbol('roomd')
  var marks = 0
  function keyOf(key) {
    if (key === null || (typeof key !== 'object' && typeof key !== 'function')) {
      return typeof key + ':' + String(key === 0 ? 0 : key)
    }
    if (!Object.prototype.hasOwnProperty.call(key, mark)) {
      if (!Object.isExtensible(key)) return null
      Object.defineProperty(key, mark, { value: ++marks })
    }
    return 'object:' + key[mark]
  }

  /* Entries in order, found by key; removed ones leave holes, so that iterators keep their place. */
  function Table() {
    this.index = Object.create(null)
    this.entries = []
    this.size = 0
  }
  Table.prototype.find = function (key) {
    var name = keyOf(key)
    var i
    if (name !== null) {
      i = this.index[name]
      return i === undefined ? -1 : i
    }
    for (i = 0; i < this.entries.length; i++) {
      if (this.entries[i] && this.entries[i][0] === key) return i
    }
    return -1
  }
  Table.prototype.put = function (key, value) {
    var i = this.find(key)
    var name
    if (i >= 0) {
      this.entries[i][1] = value
      return
    }
    name = keyOf(key)
    if (name !== null) this.index[name] = this.entries.length
    this.entries.push([key === 0 ? 0 : key, value])
    this.size++
  }
  Table.prototype.remove = function (key) {
    var i = this.find(key)
    var name
    if (i < 0) return false
    name = keyOf(key)
    if (name !== null) delete this.index[name]
    this.entries[i] = undefined
    this.size--
    return true
  }
  Table.prototype.clear = function () {
    var i
    for (i = 0; i < this.entries.length; i++) this.entries[i] = undefined
    this.index = Object.create(null)
    this.size = 0
  }
  Table.prototype.iterate = function (pick) {
    var table = this
    var i = 0
    return iterate(function () {
      while (i < table.entries.length && !table.entries[i]) i++
      if (i >= table.entries.length) return { value: undefined, done: true }
      return { value: pick(table.entries[i++]), done: false }
    })
  }

  function first(entry) {
    return entry[0]
  }
  function second(entry) {
    return entry[1]
  }
  function both(entry) {
    return [entry[0], entry[1]]
  }
  function twice(entry) {
    return [entry[0], entry[0]]
  }
  function table(object) {
    if (!object || !object._table) throw new TypeError('not a collection')
    return object._table
  }
  function collection(name, weak, pairs) {
    function Collection(source) {
      var list
      var i
      if (!(this instanceof Collection)) throw new TypeError(name + ' needs new')
      Object.defineProperty(this, '_table', { value: new Table() })
      if (source === undefined || source === null) return
      list = drain(source)
      for (i = 0; i < list.length; i++) {
        if (pairs) this.set(list[i][0], list[i][1])
        else this.add(list[i])
      }
    }
    var prototype = Collection.prototype
    if (pairs) {
      define(prototype, 'get', function (key) {
        var i = table(this).find(key)
        return i < 0 ? undefined : this._table.entries[i][1]
      })
      define(prototype, 'set', function (key, value) {
        table(this).put(key, value)
        return this
      })
    } else {
      define(prototype, 'add', function (key) {
        table(this).put(key, key)
        return this
      })
    }
    define(prototype, 'has', function (key) {
      return table(this).find(key) >= 0
    })
    define(prototype, 'delete', function (key) {
      return table(this).remove(key)
    })
    if (!weak) walkable(prototype, pairs)
    if (Symbol.toStringTag) define(prototype, Symbol.toStringTag, name)
    lacking(name, Collection)
  }
  function walkable(prototype, pairs) {
    define(prototype, 'clear', function () {
      table(this).clear()
    })
    Object.defineProperty(prototype, 'size', {
      get: function () {
        return table(this).size
      },
      configurable: true,
    })
    define(prototype, 'keys', function () {
      return table(this).iterate(first)
    })
    define(prototype, 'values', function () {
      return table(this).iterate(pairs ? second : first)
    })
    define(prototype, 'entries', function () {
      return table(this).iterate(pairs ? both : twice)
    })
    define(prototype, 'forEach', function (fn, self) {
      var from = this.entries()
      var next
      while (!(next = from.next()).done) fn.call(self, next.value[1], next.value[0], this)
    })
    define(prototype, iterator, pairs ? prototype.entries : prototype.values)
  }
  collection('Map', false, true)
  collection('Set', false, false)

  // A weak map is a member of the key: it goes with it.
  function weak(name, pairs) {
    function Weak(source) {
      Object.defineProperty(this, '_mark', { value: Symbol(name) })
      if (source === undefined || source === null) return
      drain(source).forEach(function (item) {
        if (pairs) this.set(item[0], item[1])
        else this.add(item)
      }, this)
    }
    function has(key) {
      return Object(key) === key && Object.prototype.hasOwnProperty.call(key, this._mark)
    }
    function put(key, value) {
      if (Object(key) !== key) throw new TypeError('not an object')
      Object.defineProperty(key, this._mark, { value: value, configurable: true, writable: true })
      return this
    }
    define(Weak.prototype, 'has', has)
    define(Weak.prototype, 'delete', function (key) {
      return has.call(this, key) && delete key[this._mark]
    })
    if (pairs) {
      define(Weak.prototype, 'get', function (key) {
        return has.call(this, key) ? key[this._mark] : undefined
      })
      define(Weak.prototype, 'set', put)
    } else {
      define(Weak.prototype, 'add', function (key) {
        return put.call(this, key, true)
      })
    }
    lacking(name, Weak)
  }
  weak('WeakMap', true)
  weak('WeakSet', false)
  lacking('WeakRef', function WeakRef(target) {
    this.deref = function () {
      return target
    }
  })
  lacking('FinalizationRegistry', function FinalizationRegistry() {
    this.register = this.unregister = function () {}
  })

  // ---- Object ----

  define(Object, 'entries', function (object) {
    return Object.keys(object).map(function (key) {
      return [key, object[key]]
    })
  })
  define(Object, 'values', function (object) {
    return Object.keys(object).map(function (key) {
      return object[key]
    })
  })
  define(Object, 'fromEntries', function (source) {
    var made = {}
    drain(source).forEach(function (entry) {
      Object.defineProperty(made, entry[0], {
        value: entry[1],
        writable: true,
        enumerable: true,
        configurable: true,
      })
    })
    return made
  })
  define(Object, 'hasOwn', function (object, key) {
    return Object.prototype.hasOwnProperty.call(object, key)
  })
  define(Object, 'getOwnPropertyDescriptors', function (object) {
    var made = {}
    Object.getOwnPropertyNames(object)
      .concat(Object.getOwnPropertySymbols(object))
      .forEach(function (key) {
        made[key] = Object.getOwnPropertyDescriptor(object, key)
      })
    return made
  })

  // ---- Array ----

  define(Array, 'from', function (source, fn, self) {
    var list = drain(source)
    return fn
      ? list.map(function (value, i) {
          return fn.call(self, value, i)
        })
      : list
  })
  define(Array, 'of', function () {
    return Array.prototype.slice.call(arguments)
  })
  function index(list, i) {
    i = Math.trunc(i) || 0
    return i < 0 ? list.length + i : i
  }
  function sameZero(a, b) {
    return a === b || (a !== a && b !== b)
  }
  function searching(prototype) {
    define(prototype, 'at', function (i) {
      return this[index(this, i)]
    })
    define(prototype, 'find', function (fn, self) {
      var i
      for (i = 0; i < this.length; i++) if (fn.call(self, this[i], i, this)) return this[i]
      return undefined
    })
    define(prototype, 'findIndex', function (fn, self) {
      var i
      for (i = 0; i < this.length; i++) if (fn.call(self, this[i], i, this)) return i
      return -1
    })
    define(prototype, 'findLast', function (fn, self) {
      var i
      for (i = this.length - 1; i >= 0; i--) if (fn.call(self, this[i], i, this)) return this[i]
      return undefined
    })
    define(prototype, 'findLastIndex', function (fn, self) {
      var i
      for (i = this.length - 1; i >= 0; i--) if (fn.call(self, this[i], i, this)) return i
      return -1
    })
    define(prototype, 'includes', function (value, from) {
      var i
      for (i = Math.max(0, index(this, from)); i < this.length; i++)
        if (sameZero(this[i], value)) return true
      return false
    })
    define(prototype, 'fill', function (value, from, to) {
      var end = to === undefined ? this.length : Math.min(this.length, index(this, to))
      var i
      for (i = Math.max(0, index(this, from)); i < end; i++) this[i] = value
      return this
    })
  }
  searching(Array.prototype)
  define(Array.prototype, 'flat', function (depth) {
    var deep = depth === undefined ? 1 : depth
    return this.reduce(function (all, item) {
      return all.concat(
        Array.isArray(item) && deep > 1 ? item.flat(deep - 1) : deep < 1 ? [item] : item,
      )
    }, [])
  })
  define(Array.prototype, 'flatMap', function (fn, self) {
    return this.map(fn, self).flat()
  })
  define(Array.prototype, 'toSorted', function (compare) {
    return this.slice().sort(compare)
  })
  define(Array.prototype, 'toReversed', function () {
    return this.slice().reverse()
  })
  define(Array.prototype, 'toSpliced', function () {
    var made = this.slice()
    made.splice.apply(made, arguments)
    return made
  })
  define(Array.prototype, 'with', function (i, value) {
    var made = this.slice()
    made[index(made, i)] = value
    return made
  })

  // ---- typed arrays ----

  var typed = Object.getPrototypeOf(Uint8Array.prototype)
  indexed(typed)
  searching(typed)
  ;[
    'indexOf',
    'lastIndexOf',
    'every',
    'some',
    'forEach',
    'reduce',
    'reduceRight',
    'join',
    'reverse',
  ].forEach(function (name) {
    define(typed, name, Array.prototype[name])
  })
  ;['map', 'filter', 'slice'].forEach(function (name) {
    define(typed, name, function () {
      var list = Array.prototype.slice.call(this)
      return new this.constructor(list[name].apply(list, arguments))
    })
  })
  ;[
    'Int8',
    'Uint8',
    'Uint8Clamped',
    'Int16',
    'Uint16',
    'Int32',
    'Uint32',
    'Float32',
    'Float64',
  ].forEach(function (name) {
    var Typed = global[name + 'Array']
    define(Typed, 'from', function (source, fn, self) {
      return new Typed(Array.from(source, fn, self))
    })
    define(Typed, 'of', function () {
      return new Typed(Array.prototype.slice.call(arguments))
    })
  })

  // ---- String, Number, Math ----

  function padding(text, length, fill) {
    var missing = length - text.length
    if (missing <= 0 || fill === '') return ''
    return (fill === undefined ? ' ' : String(fill)).repeat(missing).slice(0, missing)
  }
  define(String.prototype, 'padStart', function (length, fill) {
    return padding(this, length, fill) + this
  })
  define(String.prototype, 'padEnd', function (length, fill) {
    return this + padding(this, length, fill)
  })
  define(String.prototype, 'at', function (i) {
    var found = index(this, i)
    return found >= 0 && found < this.length ? this.charAt(found) : undefined
  })
  define(String.prototype, 'trimStart', function () {
    return (this + '|').trim().slice(0, -1)
  })
  define(String.prototype, 'trimEnd', function () {
    return ('|' + this).trim().slice(1)
  })
  define(String.prototype, 'replaceAll', function (what, by) {
    if (what instanceof RegExp) return this.replace(what, by)
    return this.replace(new RegExp(String(what).replace(/[\\^$.*+?()[\]{}|\/-]/g, '\\$&'), 'g'), by)
  })
  define(String.prototype, 'matchAll', function (what) {
    var text = String(this)
    var pattern = new RegExp(what.source, what.flags)
    return iterate(function () {
      var found = pattern.exec(text)
      if (found && found[0] === '') pattern.lastIndex++
      return { value: found || undefined, done: !found }
    })
  })
  define(String.prototype, 'normalize', function () {
    return String(this)
  })
  define(Math, 'fround', function (value) {
    return new Float32Array([value])[0]
  })
  ;['sinh', 'cosh', 'tanh', 'log1p', 'expm1'].forEach(function (name) {
    define(
      Math,
      name,
      {
        sinh: function (x) {
          return (Math.exp(x) - Math.exp(-x)) / 2
        },
        cosh: function (x) {
          return (Math.exp(x) + Math.exp(-x)) / 2
        },
        tanh: function (x) {
          return x > 20 ? 1 : x < -20 ? -1 : (Math.exp(2 * x) - 1) / (Math.exp(2 * x) + 1)
        },
        log1p: function (x) {
          return Math.abs(x) < 1e-8 ? x - (x * x) / 2 : Math.log(1 + x)
        },
        expm1: function (x) {
          return Math.abs(x) < 1e-8 ? x + (x * x) / 2 : Math.exp(x) - 1
        },
      }[name],
    )
  })

  // ---- what the platform has elsewhere ----

  lacking('structuredClone', function structuredClone(value) {
    var from = []
    var to = []
    function clone(source) {
      var known
      var made
      if (typeof source === 'function' || typeof source === 'symbol')
        throw new Error('cannot be cloned')
      if (Object(source) !== source) return source
      known = from.indexOf(source)
      if (known >= 0) return to[known]
      made = Array.isArray(source)
        ? []
        : source instanceof Map
          ? new Map()
          : source instanceof Set
            ? new Set()
            : {}
      if (source instanceof Date) made = new Date(source.getTime())
      from.push(source)
      to.push(made)
      if (source instanceof Map)
        source.forEach(function (item, key) {
          made.set(clone(key), clone(item))
        })
      else if (source instanceof Set)
        source.forEach(function (item) {
          made.add(clone(item))
        })
      else
        Object.keys(source).forEach(function (key) {
          made[key] = clone(source[key])
        })
      if (Array.isArray(source)) made.length = source.length
      return made
    }
    return clone(value)
  })

  var digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  lacking('btoa', function btoa(text) {
    var made = ''
    var i
    var bits
    for (i = 0; i < text.length; i += 3) {
      bits =
        (text.charCodeAt(i) << 16) |
        ((text.charCodeAt(i + 1) || 0) << 8) |
        (text.charCodeAt(i + 2) || 0)
      made += digits.charAt(bits >> 18) + digits.charAt((bits >> 12) & 63)
      made += i + 1 < text.length ? digits.charAt((bits >> 6) & 63) : '='
      made += i + 2 < text.length ? digits.charAt(bits & 63) : '='
    }
    return made
  })
  lacking('atob', function atob(text) {
    var clean = String(text).replace(/[\t\n\f\r ]/g, '')
    var made = ''
    var bits = 0
    var count = 0
    var i
    var digit
    if (clean.length % 4 === 0) clean = clean.replace(/==?$/, '')
    if (clean.length % 4 === 1) throw new Error('not base64')
    for (i = 0; i < clean.length; i++) {
      digit = digits.indexOf(clean.charAt(i))
      if (digit < 0) throw new Error('not base64')
      bits = ((bits << 6) | digit) & 0xffff
      count += 6
      if (count >= 8) made += String.fromCharCode((bits >> (count -= 8)) & 255)
    }
    return made
  })

  // For ids that migrations make up, not for secrets.
  lacking('crypto', {
    getRandomValues: function (list) {
      var i
      var most = Math.pow(2, 8 * list.BYTES_PER_ELEMENT)
      for (i = 0; i < list.length; i++) list[i] = Math.floor(Math.random() * most)
      return list
    },
    randomUUID: function () {
      return 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, function () {
        return Math.floor(Math.random() * 16).toString(16)
      })
    },
  })

  function nothing() {}
  lacking('console', {
    log: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    debug: nothing,
    trace: nothing,
  })
  lacking('setTimeout', function () {
    return 0
  })
  lacking('setInterval', function () {
    return 0
  })
  lacking('clearTimeout', nothing)
  lacking('clearInterval', nothing)
  lacking('queueMicrotask', nothing)
  lacking('requestAnimationFrame', function () {
    return 0
  })
  lacking('cancelAnimationFrame', nothing)
  // Nothing waits here; there is only something to wait for.
  function Promise() {}
  Promise.prototype.then =
    Promise.prototype['catch'] =
    Promise.prototype['finally'] =
      function () {
        return this
      }
  ;['resolve', 'reject', 'all', 'race', 'any', 'allSettled'].forEach(function (name) {
    Promise[name] = function () {
      return new Promise()
    }
  })
  lacking('Promise', Promise)
})(typeof globalThis === 'object' ? globalThis : new Function('return this')())
