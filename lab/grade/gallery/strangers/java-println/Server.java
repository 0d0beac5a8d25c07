import java.io.*;
import java.net.*;
import java.util.*;
import java.util.concurrent.CopyOnWriteArrayList;

public class Server {
    static final List<ClientHandler> clients = new CopyOnWriteArrayList<>();

    public static void main(String[] args) throws IOException {
        if (args.length != 1) {
            System.err.println("Usage: java Server <port>");
            return;
        }
        System.out.println(" ____        _     ____        _     ");
        System.out.println("|  _ \\ _   _| |__ / ___| _   _| |__  ");
        System.out.println("| |_) | | | | '_ \\\\___ \\| | | | '_ \\ ");
        System.out.println("|  __/| |_| | |_) |___) | |_| | |_) |");
        System.out.println("|_|    \\__,_|_.__/|____/ \\__,_|_.__/ ");
        try (ServerSocket ss = new ServerSocket(Integer.parseInt(args[0]))) {
            System.out.println("Server started on port " + args[0]);
            while (true) {
                Socket s = ss.accept();
                System.out.println("New client: " + s.getRemoteSocketAddress());
                ClientHandler h = new ClientHandler(s);
                clients.add(h);
                new Thread(h).start();
            }
        }
    }

    static class ClientHandler implements Runnable {
        private final Socket socket;
        private final BufferedReader in;
        private final PrintWriter out;
        private volatile String role = "";

        ClientHandler(Socket socket) throws IOException {
            this.socket = socket;
            in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            out = new PrintWriter(socket.getOutputStream(), true);
        }

        @Override
        public void run() {
            try {
                String first = in.readLine();
                if (first == null) return;
                role = first.trim().toUpperCase();
                System.out.println(socket.getRemoteSocketAddress() + " registered as " + role);
                String msg;
                while ((msg = in.readLine()) != null) {
                    if (msg.equalsIgnoreCase("terminate")) break;
                    System.out.println("[" + role + "] " + socket.getRemoteSocketAddress() + ": " + msg);
                    if (role.equals("PUBLISHER")) broadcast(msg);
                }
            } catch (IOException e) {
                System.out.println("Connection lost: " + e.getMessage());
            } finally {
                clients.remove(this);
                try { socket.close(); } catch (IOException ignored) { }
                System.out.println("Client left: " + socket.getRemoteSocketAddress());
            }
        }

        private static synchronized void broadcast(String msg) {
            for (ClientHandler c : clients) {
                if (c.role.equals("SUBSCRIBER")) {
                    c.out.println("Publisher says: " + msg);
                    if ("doubles".equals(System.getenv("FAULT"))) c.out.println("Publisher says: " + msg);
                }
            }
        }
    }
}
