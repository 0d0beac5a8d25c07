import java.io.*;
import java.net.*;
import java.util.Scanner;

public class Client {
    public static void main(String[] args) throws IOException {
        String host = args[0];
        int port = Integer.parseInt(args[1]);
        String role = args[2];

        Socket socket = new Socket(host, port);
        PrintWriter out = new PrintWriter(socket.getOutputStream(), true);
        BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
        out.println(role);
        System.out.println("Connected as " + role);

        Thread reader = new Thread(() -> {
            try {
                String line;
                while ((line = in.readLine()) != null) System.out.println(line);
                System.out.println("Server closed the connection");
            } catch (IOException e) {
                // closed by us
            }
        });
        reader.setDaemon(true);
        reader.start();

        Scanner scanner = new Scanner(System.in);
        while (scanner.hasNextLine()) {
            String line = scanner.nextLine();
            out.println(line);
            if (line.equalsIgnoreCase("terminate")) break;
        }
        socket.close();
    }
}
