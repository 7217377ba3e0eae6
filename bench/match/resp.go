package match

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// redisConn is a client's side of Redis's protocol, RESP2, as far as it is
// needed here.
type redisConn struct {
	conn   net.Conn
	reader *bufio.Reader
	writer *bufio.Writer
}

// redisReply is a reply: text for strings, numbers and errors; of arrays only
// the last element is kept.
type redisReply struct {
	kind byte
	text string
}

func newRedisConn(conn net.Conn) *redisConn {
	return &redisConn{conn: conn, reader: bufio.NewReaderSize(conn, 64<<10), writer: bufio.NewWriterSize(conn, 64<<10)}
}

func (c *redisConn) close() { c.conn.Close() }

// command queues a command; flush tells if that failed.
func (c *redisConn) command(words ...string) {
	fmt.Fprintf(c.writer, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(c.writer, "$%d\r\n%s\r\n", len(word), word)
	}
}

func (c *redisConn) flush() error { return c.writer.Flush() }

// reply reads a reply; an error reply is an error.
func (c *redisConn) reply() (redisReply, error) {
	line, err := c.reader.ReadString('\n')
	if err != nil {
		return redisReply{}, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return redisReply{}, errors.New("redis-server: empty line")
	}
	r := redisReply{line[0], line[1:]}
	switch r.kind {
	case '-':
		return r, fmt.Errorf("redis-server: %s", r.text)
	case '$':
		n, err := r.number()
		if err != nil || n < 0 {
			return r, err
		}
		text := make([]byte, n+2)
		_, err = io.ReadFull(c.reader, text)
		r.text = string(text[:n])
		return r, err
	case '*':
		n, err := r.number()
		for ; err == nil && n > 0; n-- {
			r, err = c.reply()
		}
		return r, err
	}
	return r, nil
}

func (r redisReply) number() (int, error) {
	n, err := strconv.Atoi(r.text)
	if err != nil {
		return 0, fmt.Errorf("redis-server: %q is no number", r.text)
	}
	return n, nil
}

// discard throws away what comes until the connection is closed.
func (c *redisConn) discard() { _, _ = io.Copy(io.Discard, c.reader) }
